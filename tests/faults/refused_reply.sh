#!/usr/bin/env bash
# A reply that the broker refuses for its size though its client fits into the record topic. It becomes smaller: without
# echoes and list of errors, then without its key; if even that is refused, it is left out, logged and counted. What became
# of the command does not change by it, and its partition goes on. (No oracle, which asks for echoes.)
. "$(dirname "$0")/../lib/faults.sh" || exit 1
. tests/lib/poison.sh

LIVE_CHECKS=45

long=$(head -c 20000 /dev/zero | tr '\0' x)

# command ID KEY [MEMBERS]: one with a correlation id, which is $correlation.
command() {
    echo "{\"commandId\":\"$1\",\"workspaceId\":\"ws-1\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"$1@example.com\"${3:-}}" \
        | kcat -b "$kafka_address" -P -t "$live_name.commands" -p 0 -k "$2" -H "correlation-id=$correlation"
}

replies() {
    kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$live_name.replies" -o beginning -e -q -X isolation.level=read_committed "$@"
}

# The replies' forms, in the order of the commands: verdict, length of the key, whether the echo and the list are there.
forms() {
    replies -f '%K %h\t%s\n' | while IFS=$'\t' read -r outside value; do
        jq -r --arg key "${outside%% *}" --arg echo "$(grep -c 'correlation-id=' <<<"$outside")" \
            '[.source.offset, .commandId[0:20], .error.code // "created", $key, $echo, (.error.errors != null)] | @tsv' <<<"$value"
    done | sort -n | cut -f 2-
}

has_replies() { [ "$(replies -f '%o\n' | wc -l)" -ge "$1" ]; }
clients() { redis_ask --scan --pattern 'client:{*' | wc -l; }

live_begin 2
criterion "a reply that does not fit into the reply topic" \
    "it comes minimal, or without its key, whatever its command is; what would have been created is created; the partition goes on"
topic_config set "$live_name.replies" max.message.bytes=10000 || suite_fail "the reply topic takes less"
correlation=$long command echo ws-1
correlation=$long command invalid ws-1 ',"nickname":"A"'
kcat -b "$kafka_address" -P -t "$live_name.commands" -p 0 -k ws-1 -H "correlation-id=$long" <<<'not JSON'
correlation=short command key "$long"
correlation=$long command both "$long"
correlation=short command after ws-1
worker_start one --set worker.threads=1
check "all are answered" until_true 90 has_replies 6
worker_stop one
# Without a key kcat says -1.
check_equal "the replies" "echo created 4 0 false
invalid validation_failed 4 0 false
$live_name.commands/ malformed_json 4 0 false
key created -1 0 false
both created -1 0 false
after created 4 1 false" "$(forms | sed -E 's/^([^\t]*\.commands\/)[^\t]*/\1/' | tr '\t' ' ' | sed -E "s/^${live_name:0:20}[^ ]*/$live_name.commands\//")"
check_equal "the clients are there" 4 "$(clients)"
check_equal "a reply without key goes where its command's partition says" "0" \
    "$(replies -f '%p %K\n' | awk '$2 == -1 { print $1 }' | sort -u)"
live_settle "$live_name.dead-letters"
check_equal "the malformed one is a dead letter, and no other" 1 \
    "$(kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$live_name.dead-letters" -o beginning -e -q -f '%o\n' -X isolation.level=read_committed | wc -l)"

criterion "refusals that come one after the other" "the reply topic's limit is remembered: only the first of them costs other tries"
correlation=$long command warm ws-1
worker_start one --set worker.threads=1
check "the first is answered" eventually has_replies 7
refused=$(live_log_count one "reply is refused as too large")
for number in 1 2 3 4 5; do
    correlation=$long command "next-$number" ws-1
    check "number $number is answered" eventually has_replies $((7 + number))
done
check_equal "none of them was refused again" "$refused" "$(live_log_count one "reply is refused as too large")"
worker_stop one

criterion "a reply topic that takes no reply at all" "commands are decided, logged with their positions and counted; a topic that takes more again gets replies"
topic_config set "$live_name.replies" max.message.bytes=300 || suite_fail "the reply topic takes less"
before=$(replies -f '%o\n' | wc -l)
correlation=short command silent-1 ws-1
correlation=short command silent-2 ws-1
port=$(free_port)
worker_start one --set worker.threads=1 --set "http.listen=127.0.0.1:$port"
refused() { curl --silent --max-time 2 "http://127.0.0.1:$port/metrics" | awk '$1 == "client_intake_replies_refused_total" { print $2 }'; }
refused_is() { [ "$(refused)" = "$1" ]; }
check "both are counted" eventually refused_is 2
check_equal "each is logged with its place" 2 "$(live_log_count one "a reply is refused as too large in every form.*partition=0 offset=")"
check_equal "they have no reply" "$before" "$(replies -f '%o\n' | wc -l)"
check_equal "their clients are there" 12 "$(clients)"
topic_config set "$live_name.replies" max.message.bytes=1000000 || suite_fail "the reply topic takes more"
correlation=short command loud ws-1
check "the next one has a reply" eventually has_replies $((before + 1))
worker_stop one
check_equal "nothing else was refused" 2 "$(live_log_count one "in every form")"

criterion "a named reply topic that takes no reply at all" "each command is decided, logged and counted; only the first one costs undone transactions"
topic_config set "$live_name.elsewhere" max.message.bytes=300 || suite_fail "the named topic takes less"
aborted() { curl --silent --max-time 2 "http://127.0.0.1:$port/metrics" | awk '$1 ~ /transactions_total.result="(aborted|lost)"/ { sum += $2 } END { print sum + 0 }'; }
named() { # ID
    echo "{\"commandId\":\"$1\",\"workspaceId\":\"ws-1\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"$1@example.com\"}" \
        | kcat -b "$kafka_address" -P -t "$live_name.commands" -p 0 -H "reply-topic=$live_name.elsewhere"
}
for codec in none gzip; do
    worker_start one --set worker.threads=1 --set "http.listen=127.0.0.1:$port" --set "kafka.producer.compression.type=$codec"
    named "$codec-1"
    check "$codec: the first is counted" eventually refused_is 1
    undone=$(aborted)
    check "$codec: it has cost an undone transaction" [ "$undone" -gt 0 ]
    for number in 2 3 4 5; do
        named "$codec-$number"
        check "$codec: number $number is counted" eventually refused_is "$number"
    done
    check_equal "$codec: no other transaction was undone" "$undone" "$(aborted)"
    worker_stop one
done

criterion "many such replies at once" "they are found together, also compressed: of 300 at most 20 transactions are undone"
for number in {1..300}; do
    echo "{\"commandId\":\"many-$number\",\"workspaceId\":\"ws-1\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"many-$number@example.com\"}"
done | kcat -b "$kafka_address" -P -t "$live_name.commands" -p 0 -H "reply-topic=$live_name.elsewhere"
worker_start one --set worker.threads=1 --set "http.listen=127.0.0.1:$port" --set kafka.producer.compression.type=gzip
check "all are counted" until_true 60 refused_is 300
undone=$(aborted)
check "few transactions were undone ($undone)" [ "$undone" -le 20 ]
worker_stop one

criterion "a refused reply without transactions" "every command of its batch has one reply all the same, also those that arrived at once"
topic_config set "$live_name.replies" max.message.bytes=10000 || suite_fail "the reply topic takes less"
before=$(replies -f '%o\n' | wc -l)
refused_before=$(live_log_count one "a reply is refused as too large and becomes")
for number in {1..12}; do
    if [ "$number" = 5 ]; then correlation=$long; else correlation=short; fi
    command "plain-$number" "key-$number"
done
worker_start one --set worker.threads=1 --set delivery.mode=at-least-once
check "all are answered" until_true 60 has_replies $((before + 12))
check "the long one was refused" until_true 5 eval '[ "$(live_log_count one "a reply is refused as too large and becomes")" -gt "$refused_before" ]'
worker_stop one
check_equal "no reply came twice" $((before + 12)) "$(replies -f '%o\n' | wc -l)"
check_equal "each has its own" 12 "$(replies -f '%s\n' | jq -r 'select(.commandId | startswith("plain-")) | .commandId' | sort -u | wc -l)"
live_compare_schemas
suite_end

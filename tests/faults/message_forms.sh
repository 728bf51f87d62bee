#!/usr/bin/env bash
# Every part of a message that a stranger controls, in its largest, smallest, missing and malformed form: a table. For each
# row: every command has the reply that the row names, the good commands behind it and in the other partition are created,
# it takes no longer than a limit, and memory stays within its own. A form that is new is a new row.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
. tests/lib/memory.sh
. tests/lib/poison.sh

LIVE_CHECKS=200
LIVE_COMPRESSION=producer # the broker takes compressed batches of any size
LIVE_WORKSPACES=2
memory_mib=512 # limits.memory_bytes, by default
limit=262144   # limits.command_bytes, by default
row_seconds=90
echo="correlation-id=c1" # of every command: 16 bytes of headers
room=$((limit - 16))       # for a key
inside=$((limit - 16 - 4)) # for headers, beside the key ws-1
form_number=0
many=$(faults_choose 150 400) # of the largest: without a bound their headers alone would take more than memory_mib
left_out=0     # commands that have no reply, by their rows
dead_letters=0 # and those that are dead letters

form_send() { # COUNT [OPTION ...]: prints where they are
    "$BUILD/tests/faults/form" send --bootstrap "$kafka_address" --topic "$live_name.commands" --count "$1" \
        --first "$form_number" --header "$echo" "${@:2}" || echo "not sent"
    form_number=$((form_number + $1))
}

form_replies() {
    "$BUILD/tests/faults/form" replies --bootstrap "$kafka_address" --seconds "$row_seconds" --topic "$live_name.replies" \
        --topic "$live_name.small" --topic "$live_name.tiny"
}

# row WHAT COUNT REPLY [OPTION ...]: sends so many commands to partition 0. REPLY is a pattern for what `form replies` says.
row() {
    local what=$1 count=$2 reply=$3 began how=wait sent=$suite_folder/sent answers=$suite_folder/answers wrong
    shift 3
    [ "$reply" != none ] || how=look
    memory_peak_reset "${worker_pids[one]}"
    form_send "$count" --partition 0 "$@" >"$sent.form"
    form_send 1 --partition 0 >"$sent.good"
    form_send 1 --partition 1 >>"$sent.good"
    began=$(date +%s%3N)
    { sed "s/\$/ $how/" "$sent.form" && sed 's/$/ wait/' "$sent.good"; } | form_replies >"$answers"
    local took=$(($(date +%s%3N) - began)) position answer
    wrong=
    while read -r position answer; do
        # shellcheck disable=SC2053 # a pattern
        [[ $answer == $reply ]] || wrong=${wrong:-"expected '$reply', got '$answer'"}
    done < <(head -n "$count" "$answers" | sed 's/ /\//')
    while read -r position answer; do
        [[ $answer == "created key=4 echo=2 errors=- id=form-"* ]] || wrong=${wrong:-"the good command at $position got '$answer'"}
    done < <(tail -n 2 "$answers" | sed 's/ /\//')
    [ "$(wc -l <"$answers")" -eq $((count + 2)) ] || wrong="$(wc -l <"$answers") commands of $((count + 2)) were sent"
    [ "$took" -le $((row_seconds * 1000)) ] || wrong=${wrong:-"it took $took ms"}
    local peak
    peak=$(($(memory_of "${worker_pids[one]}" VmHWM) / 1024))
    [ "$peak" -gt 0 ] && [ "$peak" -lt "$memory_mib" ] || wrong=${wrong:-"it took $peak MiB"}
    if [ -z "$wrong" ]; then suite_pass "$what: $took ms, $peak MiB"; else suite_fail "$what" "$wrong"; fi
    case $reply in
        none) left_out=$((left_out + count)) ;;
        too_large* | malformed_json*) dead_letters=$((dead_letters + count)) ;;
    esac
}

# all_row: one that only `make test-faults` sends.
all_row() { ! faults_all || row "$@"; }

metric() {
    curl --silent --max-time 2 "http://127.0.0.1:$port/metrics" | awk -v name="client_intake_$1" '$1 == name { print $2 }'
}

worker() {
    worker_start one --set worker.threads=1 --set "http.listen=127.0.0.1:$port" \
        --set "replies.allowed=$live_name.small,$live_name.tiny" "$@"
}

live_begin 2
for topic in small tiny; do
    check "reply topic $topic is created" live_intake topics create --set "replies.topic=$live_name.$topic"
done
check "a reply topic takes 4096 bytes" topic_config set "$live_name.small" max.message.bytes=4096
check "a reply topic takes 300 bytes" topic_config set "$live_name.tiny" max.message.bytes=300
check "the command topic takes 20 MB and any timestamp" topic_config set "$live_name.commands" max.message.bytes=20000000 \
    message.timestamp.after.max.ms=9223372036854775807 message.timestamp.before.max.ms=9223372036854775807
topics_allow 30000000 dead-letters
poison_definitions
port=$(free_port)
worker

full="key=4 echo=2 errors=-"
criterion "every form of a message" "the reply that its row names, for it and no other; $row_seconds s, $memory_mib MiB; good commands behind it and beside it are created"

#   what                                        count  reply                                                options
row "an ordinary command"                           1  "created $full id=form-*"

row "key: missing"                                  1  "created $full id=form-*"                             --key none
row "key: empty"                                    1  "created key=* echo=2 errors=- id=form-*"             --key 0
all_row "key: not UTF-8"                                1  "created key=2 echo=2 errors=- id=form-*"             --key-text $'\xff\x01'
row "key: the longest"                              1  "created key=$((room)) echo=2 errors=- id=form-*"     --key "$room"
row "key: one byte more"                            1  "too_large key=$((room + 1)) echo=2 errors=- id=position *" --key $((room + 1))
row "key: as long as a message"                     1  "too_large key=- echo=- errors=- id=position *"       --key 1048300
all_row "key: as long as a message, no command"         1  "too_large key=- echo=- errors=- id=position *"       --key 1048300 --value garbage:2
row "key: ten times a message, compressed"          1  "too_large key=- echo=- errors=- id=position *"       --key 10000000 --compress gzip
all_row "key: many of the longest"                300  "created key=$room echo=2 errors=- id=form-*"         --key "$room"
all_row "key: many long ones without value"      2000  "malformed_json key=100000 echo=2 errors=- id=position *" --key 100000 --value null

all_row "headers: a thousand, empty"                    1  "created $full id=form-*"                             --headers 1000:0:0
row "headers: 90000, empty"                         1  "created $full id=form-*"                             --headers 90000:0:0
row "headers: 90000, empty, with garbage"           1  "malformed_json $full id=position *"                  --headers 90000:0:0 --value garbage:30
all_row "headers: 90000, without values"                1  "created $full id=form-*"                             --headers 90000:0:-1
row "headers: $many times 90000, compressed"   "$many"  "created $full id=form-*"                             --headers 90000:0:0 --compress zstd
all_row "headers: 400 times 90000 with garbage"   400  "malformed_json $full id=position *"                  --headers 90000:0:0 --value garbage:30
row "headers: as many as can be read"               1  "created $full id=form-*"                             --headers 99999:0:0
row "headers: one more"                             1  "too_large key=4 echo=- errors=- id=position *"       --headers 100000:0:0
row "headers: one more, with an id"                 1  "too_large key=4 echo=- errors=- id=position *"       --headers 99999:0:0 --header command-id=x
all_row "headers: 100 times a million"            100  "too_large key=4 echo=- errors=- id=position *"       --headers 1000000:0:0 --compress zstd
row "headers: the longest name"                     1  "created $full id=form-*"                             --headers "1:$inside:0"
all_row "headers: a longer name"                        1  "too_large $full id=position *"                       --headers "1:$((inside + 1)):0"
row "headers: the longest value"                    1  "created $full id=form-*"                             --headers "1:1:$((inside - 1))"
all_row "headers: a longer value"                       1  "too_large $full id=position *"                       --headers "1:1:$inside"
all_row "headers: a value as long as a message"         1  "too_large $full id=position *"                       --headers 1:1:1048000
all_row "headers: too long together"                    1  "too_large $full id=position *"                       --headers 300:500:500
row "headers: too long, the id among them"          1  "too_large $full id=x *"                              --headers 300:500:500 --header command-id=x
row "headers: the last of two ids"                  1  "created $full id=last-id *"                          --header command-id=first --header command-id=last-id
all_row "headers: an id that is null"                   1  "created $full id=form-*"                             --null-header command-id
row "headers: an id that is blank"                  1  "validation_failed key=4 echo=2 errors=1 id=position *" --header command-id=
row "headers: an id that is too long"               1  "validation_failed key=4 echo=2 errors=1 id=position *" --long-header command-id=129
all_row "headers: the longest id"                       1  "validation_failed key=4 echo=2 errors=1 id=position *" --long-header command-id=$((inside - 10))
all_row "headers: an id that is not UTF-8"              1  "validation_failed key=4 echo=2 errors=1 id=position *" --header command-id=$'\xff'
all_row "headers: a workspace that is none"             1  "validation_failed key=4 echo=2 errors=1 id=form-*"   --header workspace-id=/
all_row "headers: another type"                         1  "unsupported_type $full id=form-*"                    --header ce_type=$'\xff'
all_row "headers: an echo that is missing its value"    1  "created key=4 echo=0 errors=- id=form-*"             --null-header correlation-id
row "headers: a long echo"                          1  "created key=4 echo=200000 errors=- id=form-*"        --long-header correlation-id=200000
row "headers: an echo that is too long"             1  "too_large key=4 echo=- errors=- id=position *"       --long-header correlation-id=1000000
all_row "headers: many long echoes"               300  "created key=4 echo=200000 errors=- id=form-*"        --long-header correlation-id=200000

row "value: missing"                                1  "malformed_json $full id=position *"                  --value null
row "value: empty"                                  1  "malformed_json $full id=position *"                  --value empty
row "value: the longest"                            1  "created $full id=form-*"                             --value "good:$limit"
row "value: one byte more"                          1  "too_large $full id=position *"                       --value "good:$((limit + 1))"
row "value: the longest garbage"                    1  "malformed_json $full id=position *"                  --value "garbage:$limit"
row "value: 15 MB of garbage, compressed"           1  "too_large $full id=position *"                       --value garbage:15000000 --compress gzip
row "value: nested without end"                     1  "malformed_json $full id=position *"                  --value nested:200000
all_row "value: one thing wrong"                        1  "validation_failed key=4 echo=2 errors=1 id=form-*"   --value invalid
row "value: as much wrong as fits"                  1  "validation_failed key=4 echo=2 errors=100 id=form-*" --value invalid:250000
row "value: the largest client"                     1  "created $full id=form-*"                             --value client:250000
all_row "value: Avro"                                   1  "malformed_json $full id=position *"                  --value avro
all_row "value: gzip"                                   1  "malformed_json $full id=position *"                  --value gzip
all_row "value: Latin-1"                                1  "malformed_json $full id=position *"                  --value latin1

row "timestamp: missing"                            1  "created $full id=form-* time=1970-01-01T00:00:00.000Z" --timestamp -1
check "the time to its reply counts as none: $(metric reply_seconds_sum) s" \
    awk -v sum="$(metric reply_seconds_sum)" 'BEGIN { exit !(sum > 0 && sum < 100000000) }'
all_row "timestamp: the earliest"                       1  "created $full id=form-* time=1970-01-01T00:00:00.001Z" --timestamp 1
all_row "timestamp: the last that can be written"       1  "created $full id=form-* time=9999-12-31T23:59:59.999Z" --timestamp 253402300799999
row "timestamp: one later"                          1  "created $full id=form-* time=9999-12-31T23:59:59.999Z" --timestamp 253402300800000
row "timestamp: the latest"                         1  "created $full id=form-* time=9999-12-31T23:59:59.999Z" --timestamp 9223372036854775807

for codec in gzip snappy lz4 zstd; do
    row "compression: $codec"                      10  "created $full id=form-*"                             --compress "$codec"
done

small="kafka_replyTopic=$live_name.small"
tiny="kafka_replyTopic=$live_name.tiny"
row "reply topic: an allowed one"                   1  "created $full id=form-*"                             --header "$small"
row "reply topic: one that is not allowed"          1  "created $full id=form-*"                             --header "kafka_replyTopic=$live_name.commands"
all_row "reply topic: null"                             1  "created $full id=form-*"                             --null-header kafka_replyTopic
all_row "reply topic: the longest name"                 1  "created $full id=form-*"                             --long-header kafka_replyTopic=200000
all_row "reply topic: a partition that is none"         1  "created $full id=form-*"                             --header "$small" --header kafka_replyPartition=abc
all_row "a small reply topic and a long key"            1  "created key=- echo=- errors=- id=form-*"             --header "$small" --key 5000
row "a small reply topic and a long traceparent"    1  "created key=4 echo=- errors=- id=form-*"             --header "$small" --long-header traceparent=5000
all_row "a small reply topic and both"                  1  "created key=- echo=- errors=- id=form-*"             --header "$small" --long-header traceparent=5000 --key 5000
row "a small reply topic, 433 long keys"          433  "created key=- echo=- errors=- id=form-*"             --header "$small" --key 5000
row "a small reply topic, 433 long traceparents"  433  "created key=4 echo=- errors=- id=form-*"             --header "$small" --long-header traceparent=5000
row "a small reply topic and a long list"           1  "validation_failed key=4 echo=- errors=- id=form-*"   --header "$small" --value invalid:20000
row "a small reply topic and a client that fits"    1  "created key=4 echo=* errors=- id=form-*"             --header "$small" --value client:3000
row "a small reply topic and a client that does not" 1 "too_large key=4 echo=2 errors=- id=form-*"           --header "$small" --value client:20000
row "a reply topic that takes no reply"             1  none                                                  --header "$tiny"
row "a reply topic that takes no reply, garbage"    1  none                                                  --header "$tiny" --value garbage:30
dead_letters=$((dead_letters + 1))
row "a reply topic that takes no reply, many"     100  none                                                  --header "$tiny"

if faults_all; then
    criterion "a backlog of messages whose bytes stand in headers" "what librdkafka fetches ahead stays within $memory_mib MiB, too"
    row_seconds=120
    rm "$suite_folder/sent.good"
    kill -STOP "${worker_pids[one]}"
    (
        trap - EXIT
        until_true 120 grep -q '^1 ' "$suite_folder/sent.good"
        kill -CONT "${worker_pids[one]}"
    ) &
    row "headers: 4000 times the longest value"  4000  "validation_failed key=4 echo=2 errors=1 id=form-*"   --headers "1:1:$((inside - 1))" --value invalid
    row_seconds=90
fi

# The counts follow the commit, which a reader may see before the worker knows of it.
metric_reaches() { [ "$(metric "$1")" -ge "$2" ]; }
eventually metric_reaches replies_refused_total "$left_out"
eventually metric_reaches dead_letters_total "$dead_letters"
check_equal "replies that were left out are counted" "$left_out" "$(metric replies_refused_total)"
check_equal "each is logged with its position" "$left_out" "$(live_log_count one "refused as too large in every form.* partition=0 offset=")"
check_equal "dead letters are counted" "$dead_letters" "$(metric dead_letters_total)"
unreadable=$(live_log_count one "headers of a command cannot be read.* partition=0 offset=")
check "headers that cannot be read are logged" [ "$unreadable" -ge 2 ]
eventually metric_reaches dead_letters_incomplete_total "$unreadable"
check_equal "and their dead letters counted" "$unreadable" "$(metric dead_letters_incomplete_total)"
live_settle "$live_name.dead-letters"
kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$live_name.dead-letters" -o beginning -e -q -X isolation.level=read_committed \
    -X fetch.message.max.bytes=30000000 -X receive.message.max.bytes=100000000 -f '%h\n' 2>/dev/null \
    | awk -F, '{ lost = /dlq-lost=headers/; sub(/,dlq-message=.*/, ""); print lost ? "lost " (NF < 20) : "kept " NF }' >"$suite_folder/letters"
check_equal "these say what they lack, and have none" "$unreadable" "$(grep -cx 'lost 1' "$suite_folder/letters")"
check "a dead letter has all of 90000 headers" grep -qx 'kept 90006' "$suite_folder/letters"
worker_stop one

criterion "a producer of ours that takes less than the topics" "the same forms as for a topic that refuses"
worker --set kafka.producer.message.max.bytes=4096
row "our own limit: a long key"                     1  "created key=- echo=- errors=- id=form-*"             --key 5000
all_row "our own limit: a long echo"                    1  "created key=4 echo=- errors=- id=form-*"             --long-header correlation-id=5000
all_row "our own limit: a long list"                    1  "validation_failed key=4 echo=- errors=- id=form-*"   --value invalid:20000
row "our own limit: a client that does not fit"     1  "too_large key=4 echo=2 errors=- id=form-*"           --value client:20000
row "our own limit: a dead letter"                  1  "malformed_json $full id=position *"                  --value garbage:20000
worker_stop one

criterion "more messages in a batch than librdkafka takes at once" "the worker lives on, and ends when it is asked to"
clients=$(redis_ask --scan --pattern 'client:{*' | wc -l)
form_send 300 --partition 0 >"$suite_folder/queued" # before the worker starts, which would take them in many small batches
worker --set delivery.mode=at-least-once --set kafka.producer.queue.buffering.max.messages=100 \
    --set kafka.producer.linger.ms=200000
are_claimed() { [ "$(redis_ask --scan --pattern 'client:{*' | wc -l)" -ge $((clients + 300)) ]; }
waits_for_room() { [ "$(metric kafka_up)" = 0 ]; }
check "the batch is on its way" eventually are_claimed
check "it waits for room in the queue" eventually waits_for_room
if faults_all; then
    tenths 650
    check "its loop turns after more than a minute" curl --silent --fail --max-time 2 "http://127.0.0.1:$port/livez" -o /dev/null
fi
worker_stop one
worker --set delivery.mode=at-least-once --set kafka.producer.queue.buffering.max.messages=100
check "with more patience the batch is answered" test 0 -eq \
    "$(sed 's/$/ wait/' "$suite_folder/queued" | form_replies | grep -vc ' created ')"
worker_stop one

criterion "the replies of all forms, minimal ones among them" "they agree with the JSON Schemas"
oracle_options+=(--replies "$live_name.small" --replies "$live_name.tiny")
live_compare_schemas
is_minimal='.error.code == "validation_failed" and (.error | has("errors") | not)'
minimal() { oracle replies "$suite_folder/replies" && jq "select($is_minimal) | 1" "$suite_folder/replies" | grep -q 1; }
check "a reply without the list of errors was among them" minimal
suite_end

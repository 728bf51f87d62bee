#!/usr/bin/env bash
# Commands choose where their replies go. A topic that they name may be missing, appear, grow, be deleted, be forbidden or take
# nothing; there may be thousands of names: replies go where they can go, and nothing waits for it. The broker would create
# any topic that a client asks for by its name.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
. tests/lib/memory.sh
. tests/lib/certificates.sh
. tests/lib/kafka_security.sh

criterion "a reply topic that is missing, illegal or not listed" \
    "/readyz within 10 s; the reply is in replies.topic within 10 s; it is counted; nobody creates the topic"
criterion "a reply topic that appears, and one that grows from 1 to 3 partitions" "it is used as such within 30 s"
criterion "a reply topic that is deleted under load, or takes no message without a key" \
    "every command is answered within 20 s"
criterion "a reply topic that may not be written" "the reply is in replies.topic within 20 s; other named topics are used"
criterion "200 reply topics that may not be written, named one after the other" \
    "40 transactions undone at most; all is answered within 60 s; a topic that may be written is used within 30 s"
criterion "10,000 different names" "answered within 60 s, with 64 MiB of memory more at most"

LIVE_CHECKS=67
live_before_kafka() {
    if [ -n "${KAFKA_BOOTSTRAP_SERVERS:-}" ]; then
        REQUIRE_KAFKA= suite_skip "$LIVE_CHECKS" "KAFKA_BOOTSTRAP_SERVERS names a broker whose settings are not ours to change"
        return 1
    fi
    kafka_security authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer \
        super.users=User:ANONYMOUS auto.create.topics.enable=true
}
live_begin 1
name=$live_name
sed -i "s|^allowed = .*|allowed = $name.elsewhere, $name.listed, $name.*.reply, *|" "$live_config"
config_narrow=$suite_folder/narrow.ini
sed "s|^allowed = .*|allowed = $name.elsewhere, $name.listed, $name.*.reply|" "$live_config" >"$config_narrow"

topic_config() { "$BUILD/tests/faults/topic_config" "$kafka_address" "$@"; }
create() { live_intake topics create --set "replies.topic=$1" --set topics.partitions="$2" >/dev/null; }
exists() { kcat -b "$kafka_address" -L -J | jq -e --arg topic "$1" 'any(.topics[]; .topic == $topic)' >/dev/null; }
is_ready() { [ "$(curl --silent --max-time 2 -o /dev/null -w '%{http_code}' "http://$(faults_address one)/readyz")" = 200 ]; }

# send ID [HEADER=VALUE ...]; with $key and $value, if set.
send() {
    local id=$1 headers=() header body
    shift
    for header in "$@"; do headers+=(-H "$header"); done
    body="{\"commandId\":\"$id\",\"workspaceId\":\"ws-1\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"$id@example.com\"}"
    printf '%s' "${value:-$body}" | kcat -b "$kafka_address" -P -t "$name.commands" -p 0 ${key:+-k "$key"} \
        -H "command-id=$id" ${headers[@]+"${headers[@]}"}
}
# replies TOPIC: one line each, "partition id". It is asked again and again while there are thousands.
replies() {
    timeout 30 kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$1" -e -q -X isolation.level=read_committed -f '%p %s\n' \
        | awk 'match($0, /"commandId":"[^"]*"/) { print $1, substr($0, RSTART + 13, RLENGTH - 14) }'
}
is_in() { replies "$1" | grep -qE "^${3:-[0-9]+} $2$"; }
# answered_in SECONDS TOPIC ID [PARTITION] WHAT
answered_in() { check "$5" until_true "$1" is_in "$2" "$3" "$4"; }
unaddressed() { faults_metric one "replies_unaddressed_total{reason=\"$1\"}"; }
count_is() { [ "$(unaddressed "$1")" = "$2" ]; }

# ---- missing ----

faults_ports[one]=$(free_port)
live_config=$config_narrow faults_worker_start one
check "/readyz within 10 s, though listed topics are missing" until_true 10 is_ready
send absent-1 "reply-topic=$name.listed"
send absent-2 "REPLY_TOPIC=$name.x.reply" REPLY_PARTITION=1
send absent-3 "kafka_replyTopic=$name.not allowed"
send absent-4 "kafka_replyTopic=$name.secrets" "reply-topic=$name.elsewhere"
for number in 1 2 3 4; do
    answered_in 10 "$name.replies" "absent-$number" "" "absent-$number is answered in replies.topic"
done
check "two are counted as missing" eventually count_is topic_missing 2
check "one as illegal" count_is illegal_name 1
check "one as not allowed" count_is not_allowed 1
check "no topic was created" eval "! exists '$name.listed' && ! exists '$name.x.reply'"

# ---- there, appearing, growing ----

send named-1 "reply-topic=$name.elsewhere" "REPLY_CORRELATION_ID=a b"
answered_in 10 "$name.elsewhere" named-1 "" "a topic that is there is used"
echoes() { kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$name.elsewhere" -e -q -f '%h\n' | grep -o 'REPLY_CORRELATION_ID=a b' | wc -l; }
check_equal "REPLY_CORRELATION_ID is echoed once" 1 "$(echoes)"
send default-1 "reply-topic=$name.replies" reply-partition=0000
answered_in 10 "$name.replies" default-1 0 "replies.topic may be named, with a partition"

# follows PREFIX TOPIC PARTITION HEADER ...: sends one more command. True when its reply is where it belongs.
followers=0
follows() {
    followers=$((followers + 1))
    send "$1-$followers" "${@:4}"
    sleep 0.3
    is_in "$2" "$1-$followers" "$3"
}
check "a topic is created" create "$name.late.reply" 1
check "and used within 30 s" until_true 30 follows late "$name.late.reply" 0 "reply-topic=$name.late.reply"
send "grown-0" "reply-topic=$name.late.reply" kafka_replyPartition=2
answered_in 10 "$name.late.reply" grown-0 0 "a partition that the topic does not have counts as absent"
check "and is counted" eventually count_is partition_missing 1
check "the topic grows" topic_config grow "$name.late.reply" 3
check "and the partition is used within 30 s" until_true 30 follows grown "$name.late.reply" 2 "reply-topic=$name.late.reply" kafka_replyPartition=2

check "replies.topic grows" topic_config grow "$name.replies" 3
check "a topic of three partitions to compare with" create "$name.compare" 3
for number in {1..12}; do
    echo "{\"commandId\":\"spread-$number\"}" \
        | kcat -b "$kafka_address" -P -t "$name.compare" -k "key-$number" -X topic.partitioner=murmur2_random
done
spread=$(replies "$name.compare" | sort)
check "its keys are spread" [ "$(cut -d' ' -f1 <<<"$spread" | sort -u | wc -l)" -eq 3 ]
# Each round of commands has ids of its own.
round=0
is_spread() {
    local number
    round=$((round + 1))
    for number in {1..12}; do key=key-$number send "spread$round-$number"; done
    unset key
    until_true 10 eval '[ "$(replies_of_round | wc -l)" -eq 12 ]' && [ "$(replies_of_round)" = "$spread" ]
}
replies_of_round() { replies "$name.replies" | sed -n "s/ spread$round-/ spread-/p" | sort; }
check "within 20 s keys are spread over all three as the Java client does" until_true 20 is_spread

# ---- deleted; refusing ----

check "the topic is used" eventually follows before "$name.late.reply" "" "reply-topic=$name.late.reply"
for round in $(seq "$(faults_choose 1 3)"); do
    (for number in {1..40}; do send "along-$round-$number" "reply-topic=$name.late.reply"; done) &
    sender=$!
    sleep 0.5
    check "round $round: the topic is deleted under load" topic_config delete "$name.late.reply"
    wait "$sender"
    send "deleted-$round" "reply-topic=$name.late.reply"
    answered_in 20 "$name.replies" "deleted-$round" "" "round $round: and commands are answered"
    check "round $round: it stays deleted" eval "! exists '$name.late.reply'"
    check "round $round: it is created again" create "$name.late.reply" 1
    check "round $round: and used within 30 s" until_true 30 follows "again-$round" "$name.late.reply" 0 "reply-topic=$name.late.reply"
done
check "a compacted topic" create "$name.compacted.reply" 1
check "which takes no message without a key" topic_config set "$name.compacted.reply" cleanup.policy=compact
# The first of them may come before the daemon knows the topic.
refusals=0
is_refused() {
    refusals=$((refusals + 1))
    value='{' send "keyless-$refusals" "reply-topic=$name.compacted.reply"
    sleep 0.3
    [ "$(unaddressed topic_refused)" -ge 1 ]
}
check "a reply that it refuses is counted" eventually is_refused
answered_in 20 "$name.replies" "keyless-$refusals" "" "and goes to replies.topic"
send keyed "reply-topic=$name.compacted.reply"
answered_in 20 "$name.compacted.reply" keyed "" "a reply with a key still goes there"
worker_stop one

# ---- 10,000 names ----

faults_worker_start one # with the pattern *
check "ready with the pattern *" eventually is_ready
before=$(faults_answered one)
memory_before=$(memory_of "${worker_pids[one]}" VmRSS)
topics_before=$(kcat -b "$kafka_address" -L -J | jq '.topics | length')
check "10,000 commands with a name of their own are sent" \
    "$BUILD/tests/faults/name_topics" "$kafka_address" "$name.commands" ghost- 10000 .reply
check "all are answered within 60 s" until_true 60 faults_answered_more_than one $((before + 9999))
check "with 64 MiB more at most" [ $(($(memory_of "${worker_pids[one]}" VmRSS) - memory_before)) -lt 65536 ]
check_equal "nobody created a topic" "$topics_before" "$(kcat -b "$kafka_address" -L -J | jq '.topics | length')"
send star "reply-topic=$name.commands"
answered_in 10 "$name.replies" star "" "a command topic is never matched"
worker_stop one

# ---- not to be written ----

for topic in readonly.reply hidden.reply; do check "$topic is created" create "$name.$topic" 1; done
kafka_secure_config "$config_narrow"
acl() { "$BUILD/tests/faults/acl" "$kafka_address" "$1" "User:$kafka_user" "${@:2}"; }
check "rights are granted, but not on two topics" acl grant "topic:$name.commands:read" "topic:$name.definitions:read" \
    "topic:$name.replies:write" "topic:$name.elsewhere:write" "topic:$name.records:write" "topic:$name.records:read" \
    "topic:$name.dead-letters:write" "group:$name:read" "transactional-id:$name-*:write" "topic:$name.readonly.reply:describe"
live_config=$config_narrow faults_worker_start one
check "ready with those rights" eventually is_ready
denied() {
    local number
    for number in {1..10}; do
        send "$1-hidden-$number" "reply-topic=$name.hidden.reply"
        send "$1-readonly-$number" "reply-topic=$name.readonly.reply"
        send "$1-elsewhere-$number" "reply-topic=$name.elsewhere"
    done
}
denied first
answered_in 20 "$name.replies" first-hidden-10 "" "a topic that may not be seen is passed over"
answered_in 20 "$name.replies" first-readonly-10 "" "so is one that may be seen and not be written"
answered_in 20 "$name.elsewhere" first-elsewhere-10 "" "another named topic is used meanwhile"
check_equal "the log says once that settings of topics may not be read" 1 "$(live_log_count one 'settings of topics cannot be read')"
check_equal "all of it" 10 "$(replies "$name.elsewhere" | grep -c first-elsewhere)"
check "the right is granted" acl grant "topic:$name.readonly.reply:write"
check "and the topic is used within 30 s" until_true 30 follows granted "$name.readonly.reply" 0 \
    "reply-topic=$name.readonly.reply"
check "it is revoked" acl revoke "topic:$name.readonly.reply:write"
send revoked "reply-topic=$name.readonly.reply"
answered_in 20 "$name.replies" revoked "" "and the next reply goes to replies.topic"
worker_stop one

# ---- hundreds that may not be written ----

check "200 topics that may be seen and not be written" topic_config create "$name.many-" .reply 200
check "they may be seen" acl grant "topic:$name.many-*:describe"
live_config=$config_narrow faults_worker_start one --set batch.commands=1 --set "replies.allowed=$name.elsewhere,$name.*.reply"
check "ready with those topics" until_true 20 is_ready
before=$(faults_answered one)
began=$EPOCHREALTIME
check "one command after the other names another of them" \
    "$BUILD/tests/faults/name_topics" "$kafka_address" "$name.commands" "$name.many-" 200 .reply
check "all are answered within 60 s" until_true 60 faults_answered_more_than one $((before + 199))
undone=$(($(faults_metric one 'transactions_total{result="aborted"}') + $(faults_metric one 'transactions_total{result="lost"}')))
awk -v from="$began" -v to="$EPOCHREALTIME" -v undone="$undone" \
    'BEGIN { printf "200 commands in %.1f s, %d transactions undone for them\n", to - from, undone }'
check "at least one was tried" [ "$undone" -ge 1 ]
check "few transactions are undone for them" [ "$undone" -le 40 ]
send after-many-default
answered_in 10 "$name.replies" after-many-default "" "a command that names none is answered meanwhile"
check "a topic that may be written is used within 30 s" until_true 30 follows after-many "$name.elsewhere" 0 "reply-topic=$name.elsewhere"
worker_stop one

# ---- exactly once ----

once() {
    live_settle "$name.replies" "$name.elsewhere" "$name.readonly.reply"
    for topic in replies elsewhere readonly.reply; do
        timeout 30 kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$name.$topic" -e -q -X isolation.level=read_committed
        echo
    done | jq -R 'fromjson? | .source.offset' | sort -n | uniq -d
}
check_equal "no command is answered twice" "" "$(once)"
live_compare_schemas
suite_end

#!/usr/bin/env bash
# The owner of a reply topic that commands name sets it so that it takes no marker of a transaction: none of its length, or none
# with a timestamp that is a moment old. Kafka would never end a transaction with a reply to it, and the thread would stand still
# until a broker is restarted. So no transaction gets near such a topic.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

criterion "a named reply topic whose settings refuse the marker of a transaction" \
    "commands that name it, and those beside them, are answered within 30 s, in replies.topic; the log names topic and setting"
criterion "the topic takes markers again" "it is used within 30 s"

criterion "settings that change within 15 s of their reading, so that a transaction does not end" \
    "the log says so after a minute, and what to do; after that all is answered, each command once"

LIVE_CHECKS=29
live_before_kafka() {
    faults_all || return 0
    : >"$suite_folder/properties"
    export KAFKA_PROPERTIES=$suite_folder/properties # a broker of our own, which is restarted
}
live_begin 2
LIVE_DEFINITIONS=
topic=$live_name.elsewhere
topic_config() { "$BUILD/tests/faults/topic_config" "$kafka_address" "$@"; }

# send PARTITION NUMBER [kcat's OPTION ...]
send() {
    echo "{\"commandId\":\"c-$2\",\"workspaceId\":\"ws-0\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"c-$2@example.com\"}" \
        | kcat -P -b "$kafka_address" -t "$live_name.commands" -p "$1" "${@:3}"
    live_sent=$((live_sent + 1))
}
# name_topic: five commands that name the topic in one partition, and commands that name none in both.
number=0
name_topic() {
    local count
    for count in 1 2 3 4 5; do send 0 $((number += 1)) -H "reply-topic=$topic"; done
    send 0 $((number += 1))
    send 1 $((number += 1))
}
replies() {
    kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$live_name.$1" -o beginning -e -q -X isolation.level=read_committed | wc -l
}
is_used() {
    local before
    before=$(replies elsewhere)
    send 0 $((number += 1)) -H "reply-topic=$topic"
    oracle await 20 >/dev/null && [ "$(replies elsewhere)" -gt "$before" ]
}
tells_of() {
    [ "$(live_log_count one "reply topic may refuse the end of a transaction.*topic=$topic setting=$1 ")" = 1 ]
}

for setting in max.message.bytes=50 message.timestamp.before.max.ms=0 message.timestamp.after.max.ms=0; do
    check "$setting: the owner sets it" topic_config set "$topic" "$setting"
    before=$(replies elsewhere)
    faults_worker_start one --set worker.threads=1
    name_topic
    check "$setting: all commands are answered" oracle await 30
    check_equal "$setting: none in that topic" "$before" "$(replies elsewhere)"
    check_equal "$setting: the five are counted" 5 "$(faults_metric one 'replies_unaddressed_total{reason="topic_refused"}')"
    check_equal "$setting: no transaction was undone" 0 \
        "$(($(faults_metric one 'transactions_total{result="aborted"}') + $(faults_metric one 'transactions_total{result="lost"}')))"
    check "$setting: the log tells topic and setting" tells_of "${setting%=*}"
    worker_stop one
done

check "the dead-letter topic takes no message of another clock" \
    topic_config set "$live_name.dead-letters" message.timestamp.before.max.ms=1000
faults_worker_start one --set worker.threads=1
tells_of_own() {
    [ "$(live_log_count one "topic may refuse the end of a transaction, which stops a thread.*topic=$live_name.dead-letters setting=message")" = 1 ]
}
check "the log tells of it at the start" eventually tells_of_own
check "it is as before" topic_config set "$live_name.dead-letters" cleanup.policy=delete
check "the topic is as before" topic_config set "$topic" cleanup.policy=delete
check "and is used" until_true 30 is_used

if faults_all; then
    # Settings that are read in between are seen, and nothing stands still: then once more.
    is_stuck() {
        local before
        until_true 30 is_used && topic_config set "$topic" max.message.bytes=50 || return 1
        before=$(faults_answered one)
        name_topic
        ! until_true 8 faults_answered_more_than one $((before + 6)) && return
        topic_config set "$topic" cleanup.policy=delete
        return 1
    }
    check "settings change after they were read" eval 'is_stuck || is_stuck || is_stuck'
    says_that_it_waits() { [ "$(live_log_count one 'a transaction does not end.*transactional_id=[^ ]+-0 seconds=[6-9][0-9] do=')" = 1 ]; }
    check "the log says after a minute that a transaction does not end" until_true 80 says_that_it_waits
    check "the topic is mended" topic_config set "$topic" cleanup.policy=delete
    worker_kill one
    tests/kafka/stop "$kafka_folder"
    check "the broker is restarted" tests/kafka/start "$kafka_folder"
    faults_worker_start one --set worker.threads=1
    check "after a restart of the broker all commands are answered" oracle await 60
fi
live_compare_schemas
suite_end

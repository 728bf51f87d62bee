#!/usr/bin/env bash
# Two installations with record topics of their own, by mistake on one Redis database. tests/embedded/test_other_records.c
# shows more states of Redis.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

criterion "a worker with another record topic starts on the Redis of an installation, and the index is rebuilt" \
    "it decides nothing and says whose Redis it is; the installation answers all, and no client or email of it is gone"

LIVE_CHECKS=60
LIVE_WORKSPACES=2
clients=$(faults_choose 300 3000)
reason="belongs to the record topic"

live_begin 2
theirs=(--set "commands.topic=$live_name.their-commands" --set "replies.topic=$live_name.their-replies"
    --set "records.topic=$live_name.their-records" --set "dead_letters.topic=$live_name.their-dead-letters"
    --set "kafka.consumer.group.id=$live_name-theirs" --set replies.allowed=)
check "the other installation has topics of its own" live_intake topics create "${theirs[@]}"

# their_topic_end: how many records the other installation has written.
their_records() {
    kcat -b "$kafka_address" -C -t "$live_name.their-records" -e -q 2>/dev/null | wc -l
}
their_status() {
    curl --silent --max-time 2 -o /dev/null -w '%{http_code}' "http://$(faults_address two)/readyz"
}
they_wait() { [ "$(live_log_count two 'Redis belongs to another record topic')" -ge 1 ]; }
rebuilt_more_than() { [ "$(live_log_count one 'Redis is rebuilt')" -gt "$1" ]; }

faults_worker_start one
produce 0 "$clients"
check "clients are made" until_true 60 oracle await 60
check_equal "Redis has the name of the record topic" "$live_name.records" "$(redis_ask GET client-intake:records)"
dump() { redis_ask --scan --pattern 'client*:{*' | sort | tee "$1" | wc -l; }
before=$(dump "$suite_folder/before")
check "there are clients" [ "$before" -ge 20 ]

# The other one has the same commands in its own topic, under the same emails.
kcat -b "$kafka_address" -C -t "$live_name.commands" -e -q -f '%s\n' 2>/dev/null | grep '^{' \
    | kcat -b "$kafka_address" -P -t "$live_name.their-commands"
faults_worker_start two "${theirs[@]}"
check "the other worker says whose Redis it is" until_true 30 they_wait
check "it says the topic and what to do" \
    grep -q "$reason $live_name.records, not to $live_name.their-records.*redis.database.*delete client-intake:records" "${worker_logs[two]}"
check "it is not ready" until_true 10 eval '[ "$(their_status)" = 503 ]'

live_intake check "${theirs[@]}" >"$suite_folder/check" 2>&1
check_equal "check ends with 78" 78 $?
check "check names the topic" grep -q "$reason $live_name.records" "$suite_folder/check"
live_intake check >"$suite_folder/check" 2>&1
check_equal "check of the installation itself does not" 0 $?
live_intake replay --rebuild "${theirs[@]}" >"$suite_folder/replay" 2>&1
check_equal "replay --rebuild ends with 78" 78 $?
check "it names the topic" grep -q "$reason $live_name.records" "$suite_folder/replay"
check "a topic for its replies is created" "$BUILD/tests/faults/topic_config" "$kafka_address" create "$live_name.again-" "" 1
live_intake replay --apply --name again --replies "$live_name.again-0" "${theirs[@]}" >"$suite_folder/replay" 2>&1
check_equal "replay --apply ends with 78" 78 $?
check "it names the topic" grep -q "$reason $live_name.records" "$suite_folder/replay"

times=$(live_log_count one 'Redis is rebuilt')
redis_ask DEL client-intake:epoch >/dev/null
produce "$clients" 100
check "the installation rebuilds its index" until_true 60 rebuilt_more_than "$times"
check_equal "the other one says it once" 1 "$(live_log_count two 'Redis belongs to another record topic')"
check_equal "it has written no record" 0 "$(their_records)"
check_equal "it has rebuilt nothing" 0 "$(live_log_count two 'rebuild of Redis begins')"
worker_stop two
check "every command is answered" until_true 60 oracle await 60
after=$(dump "$suite_folder/after")
check "no client and no email is gone" eval '[ -z "$(comm -23 "$suite_folder/before" "$suite_folder/after")" ] && [ "$after" -ge "$before" ]'
live_end 60

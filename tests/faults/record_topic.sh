#!/usr/bin/env bash
# The record topic is deleted and created again: while Redis is rebuilt from it, under a worker, and while none runs. And the
# definitions topic.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

criterion "the record topic is deleted and created again while it is read" \
    "the rebuild fails with a reason, begins again, and ends within 30 s; commands are answered"

LIVE_CHECKS=26
LIVE_WORKSPACES=2
clients=$(faults_choose 8000 20000)

redis_has_epoch() {
    [ "$(redis_ask EXISTS client-intake:epoch)" = 1 ]
}

live_begin 2
faults_replaces_topics
faults_own_kafka
faults_worker_start one
produce 0 "$clients"
check "clients are made" until_true 90 faults_answered_more_than one $((clients - 1))
worker_stop one

redis_ask FLUSHALL >/dev/null
# Its fetches are small, so that the frozen worker does not hold the rest of the topic already.
deadly_signal=STOP
deadly_worker_start one rebuild-half 0 --set "http.listen=$(faults_address one)" \
    --set kafka.consumer.queued.min.messages=500 --set kafka.consumer.fetch.message.max.bytes=20000
check "the rebuild is frozen half way" until_true 30 worker_is_stopped one
check "the record topic is deleted and created again" \
    "$BUILD/tests/faults/topic_config" "$kafka_address" replace "$live_name.records" 2
kill -CONT "${worker_pids[one]}"
check "a rebuild ends" until_true 30 redis_has_epoch
check "the one before failed with a reason" test "$(live_log_count one 'while it was read')" -ge 1
produce "$clients" 100
check "commands are answered" until_true 30 faults_answered_more_than one 99

criterion "the record topic is deleted and created again under a worker that goes on, and Redis loses its newest writes later" \
    "noticed with the first record; afterwards Redis has the clients of the topic, and no others"
next=$((clients + 100))
# answers COUNT: so many more commands.
answers() {
    local before
    before=$(faults_answered one)
    produce "$next" "$1"
    next=$((next + $1))
    check "$1 commands are answered" until_true 30 faults_answered_more_than one $((before + $1 - 1))
}
replace_records() {
    check "the record topic is replaced" "$BUILD/tests/faults/topic_config" "$kafka_address" replace "$live_name.records" 2
}
has_noticed() { [ "$(live_log_count one 'record topic replaced')" -ge "$1" ]; }
redis_clients() { redis_ask --scan --pattern 'client:{*' | grep -o '[^:]*$' | sort -u; }
record_clients() {
    kcat -b "$kafka_address" -C -t "$live_name.records" -o beginning -e -q -X isolation.level=read_committed -f '%k\n' 2>/dev/null \
        | grep -o '[^/]*$' | sort -u
}
is_complete() { redis_has_epoch && diff <(redis_clients) <(record_clients) >"$suite_folder/difference"; }
save_redis() {
    redis_ask SAVE >/dev/null
    cp "$suite_folder/redis/dump.rdb" "$suite_folder/old.rdb"
}
lose_newest_writes() {
    redis_kill
    cp "$suite_folder/old.rdb" "$suite_folder/redis/dump.rdb"
    redis_start
}
replace_records
answers 20
check "the worker notices it" until_true 30 has_noticed 1
check "Redis has the clients of the topic" until_true 30 is_complete
save_redis
answers $((clients < 400 ? clients : 400))
lose_newest_writes
check "Redis has them again" until_true 30 is_complete

criterion "the record topic is deleted and created again while no worker runs, grows past its old length, and Redis loses its newest writes" \
    "Redis has every client of the topic"
has_all() { redis_has_epoch && [ -z "$(comm -13 <(redis_clients) <(record_clients))" ]; }
save_redis
worker_stop one
replace_records
faults_worker_start one
answers $((2 * (clients < 400 ? clients : 400) + 100))
lose_newest_writes
check "Redis has them again" until_true 30 has_all

criterion "the definitions topic is deleted and created again, and Redis is restored from a file of before" \
    "Redis has the definitions of the topic"
put() { live_intake definitions put again - <<<"[{\"key\":\"$1\",\"type\":\"text\"}]" >/dev/null || suite_fail "definitions put"; }
has_field() { redis_ask GET "custom-fields:{again}" | grep -q "\"$1\""; }
for field in first second third; do put "$field"; done
worker_stop one
faults_worker_start one
has_read() { [ "$(redis_ask GET client-intake:definitions | tr , '\n' | awk '{ sum += $1 } END { print sum }')" -ge "$1" ]; }
check "a worker has read them" until_true 30 has_read 5
save_redis
check "the definitions topic is replaced" \
    "$BUILD/tests/faults/topic_config" "$kafka_address" replace "$live_name.definitions" 2
put fourth
check "Redis has the new one" has_field fourth
lose_newest_writes
check "Redis has it again" until_true 30 has_field fourth
[ "$suite_failed" -eq 0 ] || tail -n 20 "${worker_logs[one]}"
worker_stop one
live_compare_schemas
suite_end

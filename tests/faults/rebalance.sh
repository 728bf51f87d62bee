#!/usr/bin/env bash
# Two workers share the partitions; a third joins and leaves, joins and is killed, and one is frozen for longer than its
# session, under load.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/suite.sh
. tests/lib/redis.sh
. tests/lib/live.sh
. tests/lib/faults.sh

criterion "a member joins, leaves, joins again, is killed" "nothing is lost or doubled"
criterion "a worker is frozen for longer than its session" "what it has in hand does not count; it works on afterwards"

session_seconds=6

# What the killed one leaves open, nobody takes up: the broker ends it after transaction.timeout.ms.
worker() {
    worker_start "$1" --set batch.commands=100 --set "kafka.consumer.session.timeout.ms=${session_seconds}000" \
        --set kafka.producer.transaction.timeout.ms=10000
}

live_begin 6
worker one
worker two
produce_along 0 24000 --rate 700
sleep 4
worker three
sleep 4
worker_stop three
sleep 2
worker three
sleep 4
worker_kill three

# The others take its partitions over; what it has in hand must not count when it wakes up.
sleep 2
kill -STOP "${worker_pids[two]}"
sleep $((session_seconds + 4))
kill -CONT "${worker_pids[two]}"
produce_wait
check "a worker outlives its session" kill -0 "${worker_pids[two]}"
live_end 90

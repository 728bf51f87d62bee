#!/usr/bin/env bash
# Workers join the group and leave it, are killed, and are frozen for longer than their session, under load.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

criterion "one worker becomes three, and three become one" \
    "each answers commands within 15 s of its start, the one that stays within 5 s; nothing is lost or doubled"
criterion "one of three is killed, another stopped" \
    "the third takes their partitions within the session's timeout and 10 s; nothing is lost or doubled"
criterion "partitions are taken away while Redis is silent" \
    "what the worker has in hand of them does not count when Redis answers; nothing is doubled"
criterion "a worker is frozen for longer than its session (FAULTS=all)" \
    "what it has in hand does not count when it wakes up; it works on"

session_seconds=6

# The transaction of the killed worker stays open until the broker ends it after transaction.timeout.ms.
worker() {
    faults_worker_start "$1" --set "kafka.consumer.session.timeout.ms=${session_seconds}000" \
        --set kafka.producer.transaction.timeout.ms=10000 --set redis.timeout=1s "${@:2}"
}

# Two more work beside the first.
become_three() {
    worker two
    worker three
    faults_flows "two works" 15 two
    faults_flows "three works" 15 three
}

all_assigned_to_one() {
    [ "$(curl --silent --max-time 2 "http://$(faults_address one)/metrics" | grep -c '^client_intake_consumer_lag{')" -eq "$live_partitions" ]
}

faults_begin "$(faults_choose 3 6)"
produce_along 0 1000000 --rate "$(faults_choose 350 700)"
worker one
faults_flows "one works" 15 one
for _ in $(seq "$(faults_choose 1 3)"); do
    become_three
    worker_stop three
    worker_stop two
    faults_flows "one works on" 5 one
done

become_three
worker_kill three
worker_stop two
check "one has all partitions" until_true $((session_seconds + 10)) all_assigned_to_one
faults_flows "one works on" 5 one

for _ in $(seq "$(faults_choose 1 3)"); do
    proxy_tell redis hang
    faults_stalls "Redis is silent: nothing is answered" one
    worker two --set "redis.address=unix:$redis_socket"
    faults_flows "Redis is silent: a worker that has another way to it takes its part" 20 two
    proxy_tell redis pass
    faults_flows "Redis answers: the first works on" 10 one
    worker_stop two
done

if faults_all; then
    for _ in 1 2; do
        become_three
        worker_kill three
        kill -STOP "${worker_pids[two]}"
        sleep $((session_seconds + 4))
        kill -CONT "${worker_pids[two]}"
        faults_flows "two works on" 20 two
        check "a worker outlives its session" process_runs "${worker_pids[two]}"
        worker_stop two
    done
fi
produce_stop
live_end 120

#!/usr/bin/env bash
# The broker is killed and comes back, again and again, after a shorter or longer while, under load.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/suite.sh
. tests/lib/redis.sh
. tests/lib/live.sh
. tests/lib/faults.sh

criterion "the broker is killed and is away for 1 s; with FAULTS=all 10 and 60 s" \
    "commands are answered within reconnect.backoff.max.ms + 5 s of its return; nothing is lost or doubled"
criterion "the same for a worker without group.instance.id" \
    "the same within session.timeout.ms more: it joins as a new member, and the broker waits for the old one"
criterion "the broker is killed while the worker is being started; while it ends" \
    "the worker waits for it; it ends within shutdown.timeout"

resume_seconds=6   # reconnect.backoff.max.ms is 1 s
session_seconds=10 # that of live_begin

kill_broker() {
    tests/kafka/stop --kill "$kafka_folder"
}

# away SECONDS BOUND: the bound counts from the broker's return.
away() {
    kill_broker
    sleep "$1"
    check "away for $1 s: the broker comes back" tests/kafka/start "$kafka_folder"
    faults_flows "away for $1 s: commands are answered again" "$2" one
}

live_begin 6
faults_own_kafka
produce_along 0 1000000 --rate 500
faults_static_worker_start one --set worker.threads=2
faults_flows "commands are answered" 20 one
for _ in $(seq "$(faults_choose 1 4)"); do
    away 1 "$resume_seconds"
    tenths $((RANDOM % 20))
done
if faults_all; then
    away 10 "$resume_seconds"
    away 60 "$resume_seconds"
fi

kill_broker
worker_stop one
faults_worker_start one --set worker.threads=2
sleep 1
check "a worker waits for a broker that is away" kill -0 "${worker_pids[one]}"
check "the broker comes back" tests/kafka/start "$kafka_folder"
faults_flows "at the start: commands are answered" $((resume_seconds + session_seconds)) one
if faults_all; then
    away 1 $((resume_seconds + session_seconds))
    away 15 $((resume_seconds + session_seconds))
fi
produce_stop
live_end 60

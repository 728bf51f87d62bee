#!/usr/bin/env bash
# The broker is killed and comes back, again and again, after a shorter or longer while, under load.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

criterion "the broker is killed and is away for 1 s; with FAULTS=all 10 and 60 s" \
    "commands are answered within 10 s of its return (reconnect.backoff.max.ms, and slack); nothing is lost or doubled"
criterion "the same without group.instance.id (FAULTS=all)" \
    "the same within session.timeout.ms more: it joins as a new member, and the broker waits for the old one"
criterion "the broker is killed while the worker is being started; while it ends" \
    "the worker waits for it; it ends within shutdown.timeout, with 0, or with 2 if it left a batch to be done again"

resume_seconds=10
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

# ends_in_time NAME SECONDS: like worker_stop, while a finished batch cannot be committed.
ends_in_time() {
    local pid=${worker_pids[$1]} status
    kill -TERM "$pid"
    check "worker $1 ends on SIGTERM" until_true $(($2 + 2)) process_is_gone "$pid"
    wait "$pid"
    status=$?
    unset "worker_pids[$1]"
    check "with 0, or with 2" [ "$status" -eq 0 -o "$status" -eq 2 ]
}

unset KAFKA_LANE # the broker that is killed is the suite's own
live_begin "$(faults_choose 3 6)"
faults_own_kafka
produce_along 0 1000000 --rate "$(faults_choose 300 500)"
faults_static_worker_start one --set worker.threads=2 --set shutdown.timeout=5s
faults_flows "commands are answered" 20 one
for _ in $(seq "$(faults_choose 1 3)"); do
    away 1 "$resume_seconds"
    tenths $((RANDOM % 20))
done
if faults_all; then
    away 10 "$resume_seconds"
    away 60 "$resume_seconds"
fi

kill_broker
ends_in_time one 5
faults_static_worker_start one --set worker.threads=2
sleep 1
check "a worker waits for a broker that is away" process_runs "${worker_pids[one]}"
check "the broker comes back" tests/kafka/start "$kafka_folder"
faults_flows "at the start: commands are answered" $((resume_seconds + 5)) one

if faults_all; then
    worker_stop one
    faults_worker_start one --set worker.threads=2
    faults_flows "without group.instance.id: commands are answered" 20 one
    away 1 $((resume_seconds + session_seconds))
fi
produce_stop
live_end 120

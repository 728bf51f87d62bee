#!/usr/bin/env bash
# Two workers run under one id, by mistake: the same transactional.id, the same group.instance.id, or both.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

criterion "two workers with one transactional.id" \
    "they shut each other out; nothing is lost or doubled; when one has gone the other works on within 5 s"
criterion "two workers with one group.instance.id" \
    "the older is shut out for good and opens its consumer again; nothing is lost or doubled; the same"
criterion "two copies of one worker, both ids the same" "the same"

# both WHAT PATTERN [--set ...]: a second worker joins the first with settings that both have, and goes again. The log of
# one that is shut out matches.
both() {
    local what=$1 pattern=$2
    shift 2
    : >"${worker_logs[one]:-/dev/null}"
    : >"${worker_logs[two]:-/dev/null}"
    faults_worker_start one "$@"
    faults_flows "$what: one worker works" 20 one
    faults_worker_start two "$@"
    check "$what: the older is shut out" eventually logged one "$pattern"
    check "$what: and the newer, in its turn" eventually logged two "$pattern"
    sleep "$(faults_choose 1 10)"
    check "$what: both still run" process_runs "${worker_pids[one]}" "${worker_pids[two]}"
    worker_stop two
    faults_flows "$what: the one that stays works on" 5 one
    worker_stop one
}

logged() {
    [ "$(live_log_count "$1" "$2")" -gt 0 ]
}

live_begin "$(faults_choose 3 6)"
produce_along 0 1000000 --rate "$(faults_choose 300 500)"
same_producer=(--set "kafka.producer.transactional.id=$live_name-same")
same_member=(--set "kafka.consumer.group.instance.id=$live_name-same")
both "one transactional.id" "code=_FENCED" "${same_producer[@]}"
both "one group.instance.id" "consumer failed; opening a new one" "${same_member[@]}"
faults_all && both "both ids" "code=_FENCED|consumer failed; opening a new one" "${same_producer[@]}" "${same_member[@]}"
faults_worker_start one
produce_stop
live_end 120

#!/usr/bin/env bash
# kill -9 at random moments under load: no reply is missing, none is doubled, and Redis is the fold of the record topic.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

kills=$(faults_choose 12 200)

# Small batches, so that the kills meet every stage of one.
worker() {
    static_worker_start one --set worker.threads=2 --set batch.commands=100
}

live_begin "$(faults_choose 3 6)"
criterion "kill -9 at $kills random moments under load" \
    "every command has one reply, in order, and Redis agrees with the record topic"
worker
for ((kill = 1; kill <= kills; kill++)); do
    faults_load "$(faults_choose 300 700)"
    # One time in four hardly longer than a start takes.
    tenths $((RANDOM % 4 == 0 ? RANDOM % 5 + 3 : RANDOM % 12 + 7))
    worker_kill one
    worker
done
faults_load_end
check "the worker had begun, nearly every time" [ "$(live_log_count one 'event=starting')" -ge $((kills * 9 / 10)) ]
live_end 90

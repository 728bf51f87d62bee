#!/usr/bin/env bash
# SIGTERM at any moment, while the group is being joined or under load: the worker ends in time with 0, and nothing is
# lost or doubled when it comes back.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

criterion "SIGTERM, again and again under load" \
    "the worker ends within shutdown.timeout with 0; nothing is lost or doubled, no transaction stays open"

# It has begun once its log says so. Before that, SIGTERM cannot end it with 0.
begun=0
worker() {
    worker_start one --set worker.threads=2 --set batch.commands=100 --set shutdown.timeout=10s
    begun=$((begun + 1))
    eventually has_begun || suite_fail "the worker begins"
}

has_begun() { [ "$(live_log_count one 'event=starting')" -ge "$begun" ]; }

moments=(2 4 7 10 $((RANDOM % 10 + 10)) $((RANDOM % 10 + 20)))
if faults_all; then
    for _ in {1..12}; do moments+=($((RANDOM % 25))); done
fi

live_begin "$(faults_choose 3 6)"
produce_along 0 1000000 --rate "$(faults_choose 300 1000)"
for moment in "${moments[@]}"; do
    worker
    tenths "$moment"
    worker_stop one 10
done
worker
produce_stop
live_end 120

#!/usr/bin/env bash
# The broker is killed and comes back, under load: the worker outlives it, nothing is lost or doubled.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/suite.sh
. tests/lib/redis.sh
. tests/lib/live.sh
. tests/lib/faults.sh

criterion "the broker is killed and comes back" "the worker outlives it; nothing is lost or doubled"

live_begin 6
if [ -n "${KAFKA_BOOTSTRAP_SERVERS:-}" ]; then
    REQUIRE_KAFKA= suite_skip "$LIVE_CHECKS" "KAFKA_BOOTSTRAP_SERVERS names a broker that is not ours to kill"
    suite_end
fi
worker_start one --set worker.threads=2 --set batch.commands=100
produce_along 0 15000 --rate 600
for _ in 1 2; do
    sleep 4
    tests/kafka/stop --kill "$kafka_folder"
    sleep 3
    check "the broker comes back" tests/kafka/start "$kafka_folder"
done
check "the worker outlives the broker" kill -0 "${worker_pids[one]}"
produce_wait
live_end 90

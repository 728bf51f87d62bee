#!/usr/bin/env bash
# SIGTERM under load: the worker ends in time with 0, and nothing is lost or doubled when it comes back.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/suite.sh
. tests/lib/redis.sh
. tests/lib/live.sh

worker() {
    worker_start one --set worker.threads=2 --set batch.commands=100 --set shutdown.timeout=10s
}

live_begin 6
produce_along 0 12000 --rate 1000
for _ in 1 2 3; do
    worker
    tenths $((RANDOM % 10 + 15))
    worker_stop one 10
done
worker
produce_wait
live_end 60

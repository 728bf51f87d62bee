#!/usr/bin/env bash
# kill -9, ten times under load: no reply is missing, none is doubled, and Redis is the fold of the record topic.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/suite.sh
. tests/lib/redis.sh
. tests/lib/live.sh

# Small batches, so that the kills meet every stage of one.
worker() {
    static_worker_start one --set worker.threads=2 --set batch.commands=100
}

live_begin 6
worker
produce_along 0 20000 --rate 700
for _ in 1 2 3 4 5 6 7 8 9 10; do
    tenths $((RANDOM % 20 + 8))
    worker_kill one
    worker
done
produce_wait
live_end 90

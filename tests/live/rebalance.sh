#!/usr/bin/env bash
# Two workers share the partitions; a third joins and leaves, and joins and is killed, under load.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/suite.sh
. tests/lib/redis.sh
. tests/lib/live.sh

worker() {
    worker_start "$1" --set batch.commands=100
}

live_begin 6
worker one
worker two
produce_along 0 16000 --rate 800
sleep 4
worker three
sleep 4
worker_stop three
sleep 2
worker three
sleep 4
worker_kill three
produce_wait
live_end 90

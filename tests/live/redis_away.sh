#!/usr/bin/env bash
# Redis is away: at the start, silent for 30 seconds, and killed. Nothing is lost, doubled or wrongly rejected, and the
# log says once per time that it went and that it came back.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/suite.sh
. tests/lib/redis.sh
. tests/lib/live.sh

persistence=(--appendonly yes --appendfsync always)
away='Redis is away' back='Redis is back'

said() {
    [ "$(live_log_count one "$1")" = "$2" ]
}

live_begin 6 "${persistence[@]}"
redis_kill
worker_start one --set worker.threads=1 --set batch.commands=200
produce_along 0 30000 --rate 500
sleep 5
check "a worker waits for a Redis that is not there yet" kill -0 "${worker_pids[one]}"
redis_start "${persistence[@]}"
check "it finds a Redis that comes later" eventually said "$back" 1
check_equal "the absence was logged once" 1 "$(live_log_count one "$away")"

kill -STOP "$redis_pid"
sleep 30
kill -CONT "$redis_pid"
check "it goes on when Redis answers again" eventually said "$back" 2
check_equal "30 seconds of silence were logged once" 2 "$(live_log_count one "$away")"

redis_kill
sleep 3
redis_start "${persistence[@]}"
check "it goes on with a Redis that was killed" eventually said "$back" 3
check_equal "the kill was logged once" 3 "$(live_log_count one "$away")"
produce_wait
live_end 60

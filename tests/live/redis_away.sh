#!/usr/bin/env bash
# Redis is away: at the start, silent for longer than redis.timeout, and killed. Nothing is lost, doubled or wrongly rejected, and the
# log says once per time that it went and that it came back.
. "$(dirname "$0")/../lib/live.sh" || exit 1

persistence=(--appendonly yes --appendfsync always)
away='Redis is away' back='Redis is back'

said() {
    [ "$(live_log_count one "$1")" = "$2" ]
}

live_begin 6 "${persistence[@]}"
redis_kill
worker_start one --set worker.threads=1 --set batch.commands=200
produce_along 0 1000000 --rate 250
sleep 5
check "a worker waits for a Redis that has not started" process_runs "${worker_pids[one]}"
redis_start "${persistence[@]}"
check "it connects when Redis starts" eventually said "$back" 1
check_equal "the absence was logged once" 1 "$(live_log_count one "$away")"

kill -STOP "$redis_pid"
sleep 12 # longer than the session, and six times redis.timeout
kill -CONT "$redis_pid"
check "it goes on when Redis answers again" eventually said "$back" 2
check_equal "the silence was logged once" 2 "$(live_log_count one "$away")"

redis_kill
sleep 3
redis_start "${persistence[@]}"
check "it continues after Redis was killed" eventually said "$back" 3
check_equal "the kill was logged once" 3 "$(live_log_count one "$away")"
produce_stop
live_end 60

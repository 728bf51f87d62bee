#!/usr/bin/env bash
# The end is asked for while something does not answer: a second SIGTERM, and shutdown.timeout, end the process whatever its
# threads are doing. WORKER_PROGRAM names another build of the daemon, such as one with sanitizers.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

criterion "SIGTERM while Kafka or Redis is silent and definitions are still being read" \
    "the daemon ends within shutdown.timeout, with 0 if all of its workers could end"
criterion "nobody reads the log" "commands are answered, and SIGTERM ends the daemon with 0"
criterion "two SIGTERM, again and again, under load and while Kafka is silent" \
    "the daemon ends with 2, however busy its threads are, and never by a fault; nothing is lost or doubled"

worker_program=${WORKER_PROGRAM:-}
[ -n "$worker_program" ] || unset worker_program

# A worker may be started often under one name: what it logged before does not count. One that was forced to end stays a
# member of the group until its session ends.
begin() {
    : >"$suite_folder/one.log"
    worker_start one --set worker.threads=4 --set batch.commands=50 --set definitions.cache_workspaces=100 \
        --set kafka.consumer.session.timeout.ms=2000 --set kafka.consumer.heartbeat.interval.ms=400 "$@"
}
has_logged() { grep -qF -- "$1" "$suite_folder/one.log"; }

# ends_with PATTERN SECONDS WHAT: the worker ends by itself so soon, counted from the signal before, with such a code.
ends_with() {
    local pid=${worker_pids[one]} status
    until_true "$2" process_is_gone "$pid" || { suite_fail "$3" "it runs after $2 s"; kill -KILL "$pid"; }
    wait "$pid"
    status=$?
    unset "worker_pids[one]"
    # shellcheck disable=SC2053
    if [[ $status == $1 ]]; then
        suite_pass "$3"
    else
        suite_fail "$3" "exit $status"
        tail -n 30 "$suite_folder/one.log"
    fi
}
term() { kill -TERM "${worker_pids[one]}"; }

# twice WHAT: asks for the end, and again once the daemon has taken notice.
twice() {
    term
    eventually has_logged event=stopping || suite_fail "$1" "it does not stop"
    term
    ends_with 2 3 "$1"
}

faults_begin "$(faults_choose 3 6)"

# ---- nothing in hand ----

# silent WHAT PATTERN NAME WORD ...: a stop is requested after the proxy in front of NAME got this command.
silent() {
    proxy_tell "${@:3}"
    begin --set shutdown.timeout=2s --set redis.timeout=20s
    check "$1: the daemon begins" eventually has_logged event=starting
    sleep 1 # until its threads wait for an answer
    term
    ends_with "$2" 3 "$1: it ends within shutdown.timeout"
    proxy_tell "$3" pass
}
silent "Kafka is silent at the start" 0 kafka hang
silent "Kafka does not tell where the definitions end" 0 kafka answer 2 drop
silent "Redis is silent at the start" 2 redis hang

# ---- nobody reads the log ----

mkfifo "$suite_folder/unread.log"
exec {unread}<>"$suite_folder/unread.log"
timeout 1 cat /dev/zero >"$suite_folder/unread.log" # it is full
worker_start unread --set shutdown.timeout=5s
produce 0 200
check "commands are answered though nobody reads the log" oracle await 30
kill -TERM "${worker_pids[unread]}"
check "the daemon ends though nobody reads its log" until_true 5 process_is_gone "${worker_pids[unread]}"
kill -KILL "${worker_pids[unread]}" 2>/dev/null
wait "${worker_pids[unread]}"
check_equal "it ends with 0" 0 $?
unset "worker_pids[unread]" "worker_logs[unread]"
exec {unread}>&-

# ---- a second signal ----

produce_along 200 1000000 --rate 300
for round in $(seq "$(faults_choose 5 25)"); do
    begin
    check "round $round: commands are answered" eventually has_logged 'partitions assigned'
    tenths $((RANDOM % 15 + 3))
    proxy_tell kafka hang
    tenths $((RANDOM % 10))
    twice "round $round: a second SIGTERM while Kafka is silent ends it with 2"
    proxy_tell kafka pass
done
for round in $(seq "$(faults_choose 5 25)"); do
    begin
    check "round $round: commands are answered" eventually has_logged 'partitions assigned'
    tenths $((RANDOM % 15 + 3))
    # Both may come before the daemon looks, or as one, or when it has finished its work.
    term
    sleep 0.01
    term
    ends_with '[02]' 3 "round $round: two SIGTERM at once under load end it with 2, or with 0 if it was ready"
done

begin
produce_stop
live_end 120

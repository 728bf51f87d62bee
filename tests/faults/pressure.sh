#!/usr/bin/env bash
# Pressure: more commands than the worker can take, for long, and much fetched at once. Memory stays within its limit and
# does not grow with the backlog, and everything is answered once the producer ends.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
. tests/lib/memory.sh
. tests/lib/poison.sh

LIVE_WORKSPACES=8
LIVE_CHECKS=42
memory_mib=512 # limits.memory_bytes, by default
# What the process needs besides, by docs/operations.md: the program, and the working memory of each thread. The fetches
# under way are not added.
program_mib=20
thread_mib=24
partitions=$(faults_choose 12 24)
backlog=$(faults_choose 20000 200000)
fetched=$(faults_choose 144 720)
rate=20000

worker() {
    worker_start one "$@"
    memory_watch "${worker_pids[one]}" "$suite_folder/memory"
}

# A worker that may run a twentieth of the time.
slowing_pid=
slow_down() {
    local pid=${worker_pids[one]}
    (
        trap - EXIT
        exec {pause}<> <(:)
        while kill -STOP "$pid" 2>/dev/null; do
            read -rt 0.95 -u "$pause"
            kill -CONT "$pid"
            read -rt 0.05 -u "$pause"
        done
    ) &
    slowing_pid=$!
}
speed_up() {
    kill -KILL "$slowing_pid"
    wait "$slowing_pid" 2>/dev/null
    kill -CONT "${worker_pids[one]}"
}

replies() {
    oracle count | sed -n 's/.* commands, \([0-9]*\) replies.*/\1/p'
}

# memory_is_flat WHAT SLACK: the last quarter of the samples is no more than that many MiB above the first.
memory_is_flat() {
    local first last
    first=$(($(memory_median "$suite_folder/memory" 2 first) / 1024))
    last=$(($(memory_median "$suite_folder/memory" 2 last) / 1024))
    check "$1: $first MiB at first, $last at last" [ "$last" -le $((first + $2)) ]
}

live_begin "$partitions"
poison_definitions

criterion "a producer ten times faster than the worker" "memory stays below $memory_mib MiB and does not grow with the backlog, and all is answered once the producer ends"
worker --set worker.threads=1 --set "batch.commands=$(faults_choose 50 500)"
check "the worker begins" eventually grep -q 'partitions assigned' "$suite_folder/one.log"
produce 0 2000
check "commands are answered at first" oracle await 60
slow_down
answered=$(replies)
produce 2000 "$backlog" --rate "$rate"
answered=$(($(replies) - answered))
check "the producer is ten times faster: $answered of $backlog commands are answered when it ends" [ $((answered * 10)) -le "$backlog" ]
: >"$suite_folder/memory"
tenths 30
speed_up
memory_stays_below "memory with the backlog" "${worker_pids[one]}" "$memory_mib"
check "the backlog is answered" oracle await 180
memory_is_flat "memory while the backlog goes down" 48
memory_stays_below "memory afterwards" "${worker_pids[one]}" "$memory_mib"

criterion "Redis away with a backlog" "memory does not grow while the worker waits"
memory_peak_reset "${worker_pids[one]}"
kill -STOP "$redis_pid"
produce $((2000 + backlog)) 5000
tenths 30
kill -CONT "$redis_pid"
memory_stays_below "memory without Redis" "${worker_pids[one]}" "$memory_mib"
check "what came meanwhile is answered" oracle await 120
faults_all || live_end 60
worker_stop one

criterion "large fetches of many partitions" "memory stays within limits.memory_bytes and what the program itself needs, though queued.max.messages.kbytes is as large as that limit allows and half of each response is a piece of a batch"
for ((partition = 0; partition < partitions; partition++)); do
    poison padded created "$partition" $((fetched / partitions)) 950000
done
large_fetches=(--set worker.threads=3 --set limits.command_bytes=1MiB --set batch.commands=20
    --set kafka.consumer.max.partition.fetch.bytes=8388608 --set kafka.consumer.fetch.max.bytes=1890000)
queue_is_refused() {
    live_intake check "${large_fetches[@]}" --set "kafka.consumer.queued.max.messages.kbytes=$1" 2>&1 |
        grep -q 'limits.memory_bytes must be at least'
}
check "a larger queue is refused" queue_is_refused 85000
worker "${large_fetches[@]}" --set kafka.consumer.queued.max.messages.kbytes=84000
slow_down
tenths 30
speed_up
check "large fetches are answered" oracle await 120
memory_stays_below "memory with large fetches" "${worker_pids[one]}" $((memory_mib + program_mib + 3 * thread_mib))
live_end 60

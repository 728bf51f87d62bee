#!/usr/bin/env bash
# Soak: load for minutes on end, and one fault after the other, drawn from a seeded generator. In the end nothing is lost or
# doubled, and memory and descriptors are where they were.
#
#   make soak [MINUTES=10] [SEED=number] [RATE=300] [SOAK_FLUSH=0]
#
# SEED repeats a run's faults. SOAK_FLUSH=0 never empties Redis. SAMPLES=FOLDER keeps what was sampled: a file
# for each life of a worker, two lines a second, "seconds KiB descriptors".
. "$(dirname "$0")/../lib/live.sh" || exit 1
. tests/lib/memory.sh

minutes=${MINUTES:-10}
rate=${RATE:-300}
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
memory_slack=48     # MiB that a worker's memory may have grown: Redis may just be being rebuilt
descriptor_slack=12 # and its descriptors: connections for that, or being made again
warm_up=15          # seconds that are not counted
long_life=60        # seconds; a shorter life tells nothing
session=8           # seconds
persistence=(--appendonly yes --appendfsync always)

[[ $minutes =~ ^[0-9]+$ && $rate =~ ^[0-9]+$ && $seed =~ ^[0-9]+$ && $minutes -gt 0 && $rate -gt 0 ]] \
    || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 64; }

# draw COUNT: sets drawn to a number below it. An own generator: others may use RANDOM.
draw_state=$seed
draw() {
    draw_state=$(((draw_state * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff))
    drawn=$(((draw_state >> 33) % $1))
}

begun=$SECONDS
tell() {
    printf '%5d s  %s\n' $((SECONDS - begun)) "$1"
}

# ---- workers, and their lives ----

lives=0
soak_start() {
    worker_start "$1" --set batch.commands=200 --set kafka.producer.transaction.timeout.ms=10000 \
        --set "kafka.consumer.session.timeout.ms=${session}000"
    lives=$((lives + 1))
    memory_watch "${worker_pids[$1]}" "$samples/$1-$lives"
}

# It may need all of shutdown.timeout while Kafka or Redis is coming back, and then tells so with 2.
soak_stop() {
    local pid=${worker_pids[$1]} status
    kill -TERM "$pid"
    until_true 60 process_is_gone "$pid" || kill -KILL "$pid"
    wait "$pid"
    status=$?
    unset "worker_pids[$1]"
    [ "$status" -eq 0 ] || [ "$status" -eq 2 ] || suite_fail "worker $1 ends on SIGTERM" "exit $status"
}

# Nobody ends by himself.
all_are_alive() {
    local name
    for name in "${!worker_pids[@]}"; do
        process_is_gone "${worker_pids[$name]}" || continue
        wait "${worker_pids[$name]}"
        suite_fail "worker $name runs" "it ended by itself with $?"
        tail -n 40 "${worker_logs[$name]}"
        soak_start "$name"
    done
}

# Worker one sees every outage but is never ended, so that one life is as long as the run.
draw_mortal() {
    local names=(two three)
    draw 2
    mortal=${names[drawn]}
}

# ---- faults: each is over when it returns, though its consequences are not ----

fault_kill() {
    draw_mortal
    tell "kill -9 of worker $mortal, and a new one"
    worker_kill "$mortal"
    soak_start "$mortal"
}
fault_stop() {
    draw_mortal
    tell "SIGTERM to worker $mortal, and a new one"
    soak_stop "$mortal"
    soak_start "$mortal"
}
fault_freeze() {
    local names=(one two three) name
    draw 3
    name=${names[drawn]}
    draw $((session + 5))
    tell "worker $name stands still for $((drawn + 1)) s"
    kill -STOP "${worker_pids[$name]}"
    sleep $((drawn + 1))
    kill -CONT "${worker_pids[$name]}"
}
fault_broker() {
    draw 6
    tell "kill -9 of the broker, for $drawn s and its start"
    tests/kafka/stop --kill "$kafka_folder"
    sleep "$drawn"
    tests/kafka/start "$kafka_folder" >"$suite_folder/kafka-start" || suite_fail "the broker comes back"
}
fault_redis() {
    draw 5
    tell "kill -9 of Redis, for $drawn s"
    redis_kill
    sleep "$drawn"
    redis_start "${persistence[@]}"
}
fault_redis_freeze() {
    draw 7
    tell "Redis stands still for $((drawn + 1)) s"
    kill -STOP "$redis_pid"
    sleep $((drawn + 1))
    kill -CONT "$redis_pid"
}
fault_connections() {
    tell "every connection to Redis is cut"
    redis_ask CLIENT KILL TYPE normal SKIPME yes >"$suite_folder/cut"
    redis_ask CLIENT KILL TYPE pubsub >"$suite_folder/cut"
}
fault_member() {
    draw 6
    tell "a fourth worker for $((drawn + 3)) s"
    soak_start four
    sleep $((drawn + 3))
    draw 2
    if [ "$drawn" -eq 0 ]; then soak_stop four; else worker_kill four; fi
}
fault_reload() {
    local name
    tell "SIGHUP to every worker"
    for name in "${!worker_pids[@]}"; do kill -HUP "${worker_pids[$name]}"; done
}
fault_flush() {
    tell "Redis is emptied"
    redis_ask FLUSHALL >"$suite_folder/flush"
}

# ---- the run ----

LIVE_CHECKS=30
live_begin 12 "${persistence[@]}"
samples=${SAMPLES:-$suite_folder/samples}
mkdir -p "$samples"
faults=(kill stop freeze redis redis_freeze connections member reload)
[ -n "${KAFKA_BOOTSTRAP_SERVERS:-}" ] || faults+=(broker)
[ "${SOAK_FLUSH:-1}" = 0 ] || faults+=(flush)
echo "soak: $minutes min, $rate commands a second, SEED=$seed, faults: ${faults[*]}"
echo "criterion: $minutes min of faults under load: the oracle finds nothing, no worker ends by itself, and memory and descriptors of each life of $long_life s or more end at most $memory_slack MiB and $descriptor_slack descriptors above their beginning"

for name in one two three; do soak_start "$name"; done
first_pid=${worker_pids[one]}
produce_along 0 $((minutes * 60 * rate)) --rate "$rate"
begun=$SECONDS
sleep 5
while [ $((SECONDS - begun)) -lt $((minutes * 60 - 10)) ]; do
    draw "${#faults[@]}"
    "fault_${faults[drawn]}"
    draw 8
    sleep $((drawn + 1))
    all_are_alive
    producing || break
done
tell "no more faults"
produce_wait
check "every command is answered within 120 s" oracle await 120
all_are_alive
check_equal "worker one has lived through all of it" "$first_pid" "${worker_pids[one]}"

long_lives=0
for file in "$samples"/*; do
    grown=$suite_folder/grown
    awk -v warm_up="$warm_up" 'NR == 1 { begun = $1 } $1 - begun >= warm_up' "$file" >"$grown"
    seconds=$(awk 'NR == 1 { begun = $1 } END { printf "%d", $1 - begun }' "$file")
    [ "$seconds" -ge "$long_life" ] || continue
    long_lives=$((long_lives + 1))
    from=$(($(memory_median "$grown" 2 first) / 1024)) to=$(($(memory_median "$grown" 2 last) / 1024))
    peak=$(sort -n -k 2 "$file" | awk 'END { printf "%d", $2 / 1024 }')
    open_from=$(memory_median "$grown" 3 first) open_to=$(memory_median "$grown" 3 last)
    life="life $(basename "$file"), $seconds s"
    check "$life: memory $from MiB, then $to ($peak at most)" [ "$to" -le $((from + memory_slack)) ]
    check "$life: $open_from descriptors, then $open_to" [ "$open_to" -le $((open_from + descriptor_slack)) ]
done
check "a life was long enough to tell" [ "$long_lives" -gt 0 ]
echo "soak: SEED=$seed repeats these faults"
live_end 60

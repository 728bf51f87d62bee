#!/usr/bin/env bash
# SIGSTOP past the session, then SIGCONT: one worker is frozen at each named place of the loop, all at once, while others
# take their partitions over and answer everything. When they wake up, what they have in hand must come to nothing, in Kafka
# and in Redis.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

session_seconds=6
points=(filled before-look-up after-look-up before-fence before-claim in-claim after-claim before-send in-send after-send
    after-offsets before-commit after-commit)
options=(--set batch.commands=100 --set "kafka.consumer.session.timeout.ms=${session_seconds}000"
    --set kafka.producer.transaction.timeout.ms=10000)

# index_of FILE: clients and emails, all that a claim can change.
index_of() {
    redis_ask --scan --pattern 'client*:{*' | LC_ALL=C sort -u >"$1.keys"
    sed 's/.*/GET "&"/' "$1.keys" | redis_ask | cat "$1.keys" - >"$1"
}

all_are_stopped() {
    local point
    for point in "${points[@]}"; do worker_is_stopped "$point" || return 1; done
}

live_begin ${#points[@]}
criterion "SIGSTOP past the session at each of ${#points[@]} points, then SIGCONT" \
    "the others answer everything; the frozen ones write nothing when they wake up, neither to Kafka nor to Redis"
deadly_signal=STOP
for point in "${points[@]}"; do
    deadly_worker_start "$point" "$point" 3 "${options[@]}"
done
faults_load_rate=$(faults_choose 300 600)
all_are_stopped_under_load() {
    faults_load "$faults_load_rate"
    all_are_stopped
}
eventually all_are_stopped_under_load
for point in "${points[@]}"; do check "a worker is frozen at the point $point" worker_is_stopped "$point"; done

worker_start other "${options[@]}"
faults_load "$faults_load_rate"
faults_load_end
check "the others answer everything meanwhile" oracle await 60
index_of "$suite_folder/before"
for point in "${points[@]}"; do kill -CONT "${worker_pids[$point]}"; done
sleep $((session_seconds / 2))
index_of "$suite_folder/after"
check_equal "those that wake up change nothing in Redis" "" \
    "$(diff "$suite_folder/before" "$suite_folder/after" | head -n 5 | cut -c 1-300)"
faults_load "$faults_load_rate"
faults_load_end
for point in "${points[@]}"; do check "the one frozen at $point lives" process_runs "${worker_pids[$point]}"; done
live_end 60

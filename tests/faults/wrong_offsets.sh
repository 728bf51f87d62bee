#!/usr/bin/env bash
# Commands whose producer gave them wrong offsets within their batch, which the broker believes: beyond the end of the
# log, those of other commands, one offset for all. The commands around them are answered once, in their order, whatever
# happens to the worker meanwhile, and so is each offset of a batch that is passed.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/suite.sh
. tests/lib/redis.sh
. tests/lib/live.sh
. tests/lib/faults.sh

LIVE_WORKSPACES=1
LIVE_CHECKS=50
number=0

command_text() {
    printf '{"commandId":"c-%d","workspaceId":"ws-0","givenName":"A","familyName":"B","email":"c%d@example.com"}' "$1" "$1"
}

# Valid commands, which are to be created.
send_valid() { # COUNT
    local last=$((number + $1)) first=$number
    for ((; number < last; number++)); do
        command_text "$number"
        echo
    done | kcat -P -b "$kafka_address" -t "$live_name.commands" -p 0
    number=$last
    local at=$log_end
    for ((; first < last; first++, at++)); do echo "$at c-$first" >>"$suite_folder/expected"; done
    log_end=$at
}

# send_wrong REPLIES OFFSET ...: one batch. REPLIES: all or some, of those that the batch's offsets get.
send_wrong() {
    local replies=$1 records=() offset
    shift
    for offset in "$@"; do
        records+=("$offset=$(command_text "$number")")
        number=$((number + 1))
    done
    send_batch "$replies" "${records[@]}"
}

# send_twins REPLIES OFFSET ...: as send_wrong, but all commands of all these batches have the same bytes and the same time.
send_twins() {
    local replies=$1 records=() offset
    shift
    for offset in "$@"; do records+=("$offset={\"twin\":1}"); done
    TIMESTAMP_MS=$twin_ms send_batch "$replies" "${records[@]}"
}

send_batch() { # REPLIES OFFSET=VALUE ...
    local replies=$1 at
    shift
    at=$("$BUILD/tests/faults/wrong_offsets" "${kafka_address%:*}" "${kafka_address#*:}" "$live_name.commands" 0 "$@")
    check_equal "the broker takes a batch of $#" "$log_end" "$at"
    for ((; $# > 0; log_end++)); do
        [ "$replies" = some ] || echo "$log_end $live_name.commands/0/$log_end" >>"$suite_folder/expected"
        [ "$replies" = all ] || echo "$log_end" >>"$suite_folder/free"
        shift
    done
}

# COUNT messages in a transaction that is aborted, whose marker takes an offset.
send_aborted() {
    { seq -f '0 %g' "$1" && echo abort; } | "$BUILD/tests/faults/transactions" "$kafka_address" "$live_name.commands" \
        "$live_name-stranger" 2>"$suite_folder/transactions.log" \
        || suite_fail "a transaction is aborted" "$(cat "$suite_folder/transactions.log")"
    live_settle "$live_name.commands"
    log_end=$((log_end + $1 + 1))
}

# "OFFSET COMMAND" of each reply, in their order, but for those to batches whose replies are left open.
replies() {
    kcat -C -X fetch.wait.max.ms=10 -b "$kafka_address" -t "$live_name.replies" -o beginning -e -q -X isolation.level=read_committed -f '%s\n' 2>/dev/null \
        | sed -n 's/.*"commandId":"\([^"]*\)".*"offset":\([0-9]*\)}.*/\2 \1/p' \
        | awk 'NR == FNR { free[$1] = 1; next } !($1 in free)' "$suite_folder/free" -
}
all_are_answered() {
    replies >"$suite_folder/replies"
    [ "$(wc -l <"$suite_folder/replies")" -ge "$(wc -l <"$suite_folder/expected")" ]
}
answered() {
    check "all are answered" until_true 30 all_are_answered
    check "each once, in their order" diff "$suite_folder/expected" "$suite_folder/replies"
}

log_end=0
twin_ms=$(date +%s)000
live_begin 1
: >"$suite_folder/expected"
echo none >"$suite_folder/free"
settings=(--set worker.threads=1 --set batch.commands=10)

criterion "wrong offsets in a backlog" "one reply for each offset; the commands around them are answered once"
send_valid 5
send_wrong all 1000000 1 2
send_valid 25
send_wrong all 5
send_valid 40
static_worker_start one "${settings[@]}"
answered

criterion "wrong offsets while a worker waits for commands" "the same"
send_wrong all 2000000000
answered
send_valid 3
answered
send_wrong all 7
tenths 5
send_valid 20
answered

criterion "one offset for all commands of a batch, and their order reversed" "the commands around them are answered once"
send_wrong some 0 0 0
send_valid 5
send_wrong some 3 2 1 0
send_valid 5
answered

criterion "a command at the offset of its twin, far behind it" "the commands between are answered once"
send_twins some 0 500
send_valid 200
# shellcheck disable=SC2046 # numbers
send_twins all $(seq 0 399)
send_valid 5
answered
worker_stop one

criterion "one command between many twins of one offset, which come in one response" "the command is answered once"
# shellcheck disable=SC2046 # numbers
send_twins some 0 $(yes 800 | head -n 299)
send_valid 1
# shellcheck disable=SC2046 # numbers
send_twins some $(yes 499 | head -n 500)
send_valid 5
static_worker_start one "${settings[@]}"
answered
worker_stop one

# One batch of the log in each fetch, so that what a batch hides does not come with it.
alone=("${settings[@]}" --set kafka.consumer.max.partition.fetch.bytes=1)
criterion "twins around other commands, and an aborted transaction in front of the second one" \
    "the commands between are answered once"
send_twins some 0 150
send_valid 20
send_aborted 127
send_twins all 0
send_valid 5
# Directly behind the first twin, too.
send_twins some 0 160
send_aborted 50
send_valid 1
send_aborted 104
send_twins all 0
send_valid 5
# And with a third one in front of its place.
send_twins some 0 100
send_twins some 95 98
send_valid 20
send_aborted 75
send_twins all 0
send_valid 5
static_worker_start one "${alone[@]}"
answered

criterion "a batch with several gaps, whose commands have twins" "the commands between are answered once"
send_twins some 0 3 6 9
send_valid 2
send_twins all 0
send_valid 2
send_twins all 0
send_valid 5
answered

criterion "a batch with a gap in front, whose last command has a twin" "the command before the twin is answered once"
send_twins some 2 3 4 5 6
send_valid 1
send_twins all 0
send_valid 5
answered

worker_stop one
criterion "each offset of a large batch twice" "the commands behind it are answered within seconds"
pairs=()
for ((pair = 0; pair < 16000; pair++)); do pairs+=("$pair={}" "$pair={}"); done
static_worker_start one --set worker.threads=1
send_valid 1
answered
send_batch some "${pairs[@]}"
send_valid 5
answered
worker_stop one

criterion "a worker that is killed in between" "the same"
for point in $(faults_choose "filled after-commit" "filled before-send in-send after-send before-commit after-commit"); do
    send_valid 4
    send_wrong all 100000 1
    send_valid 15
    deadly_worker_start one "$point" 2 "${settings[@]}"
    deadly_worker_dies one "$point" 60
done
static_worker_start one "${settings[@]}"
answered
send_valid 1
answered
check "nobody takes the log for a replaced one" [ "$(cat "$suite_folder"/*.log | grep -c "log replaced")" -eq 0 ]
worker_stop one
live_compare_schemas
suite_end

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
LIVE_CHECKS=20
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
    local replies=$1 records=() offset at
    shift
    for offset in "$@"; do
        records+=("$offset=$(command_text "$number")")
        number=$((number + 1))
    done
    at=$("$BUILD/tests/faults/wrong_offsets" "${kafka_address%:*}" "${kafka_address#*:}" "$live_name.commands" 0 "${records[@]}")
    check_equal "the broker takes offsets $* in a batch" "$log_end" "$at"
    for offset in "$@"; do
        [ "$replies" = some ] || echo "$log_end $live_name.commands/0/$log_end" >>"$suite_folder/expected"
        [ "$replies" = all ] || echo "$log_end" >>"$suite_folder/free"
        log_end=$((log_end + 1))
    done
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

criterion "a worker that is killed in between" "the same"
worker_stop one
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

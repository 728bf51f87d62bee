#!/usr/bin/env bash
# A history in which a producer gave commands, or replies, wrong offsets within their batch, which the broker believes: a
# replay leaves out no other command, and names the offsets that it has not read.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

LIVE_WORKSPACES=1
LIVE_CHECKS=30
number=0 log_end=0 holes_expected=

command_text() {
    printf '{"commandId":"c-%d","workspaceId":"ws-0","givenName":"A","familyName":"B","email":"c%d@example.com"}' "$1" "$1"
}

# Valid commands: none may be left out.
send_valid() { # COUNT
    local last=$((number + $1)) first=$number
    for ((; number < last; number++)); do
        command_text "$number"
        echo
    done | kcat -P -b "$kafka_address" -t "$live_name.commands" -p 0
    number=$last
    for ((; first < last; first++, log_end++)); do echo "$log_end c-$first" >>"$suite_folder/valid"; done
}

# send_wrong OFFSET ...: one batch of commands at these places of the batch.
send_wrong() {
    local records=() offset at
    for offset in "$@"; do
        records+=("$offset=$(command_text "$number")")
        number=$((number + 1))
    done
    at=$("$BUILD/tests/faults/wrong_offsets" "${kafka_address%:*}" "${kafka_address#*:}" "$live_name.commands" 0 "${records[@]}")
    check_equal "the broker takes offsets $* in a batch" "$log_end" "$at"
    log_end=$((log_end + $#))
}

# replay_ends WHAT CODE [OPTION ...]: a dry run. Its output is in $suite_folder/out.
replay_ends() {
    "$BUILD/client-intake" replay --config "$live_config" --output json "${@:3}" >"$suite_folder/out" 2>"$suite_folder/replay.log"
    check_equal "$1" "$2" "$?"
}

# The valid commands that the last dry run has not reported, each as "OFFSET COMMAND".
left_out() {
    jq -r 'select(.position) | "\(.position | split("/") | last) \(.commandId)"' "$suite_folder/out" | sort -u >"$suite_folder/read"
    sort "${1:-$suite_folder/valid}" | comm -23 - "$suite_folder/read" | tr '\n' ' '
}
holes() {
    tail -n 1 "$suite_folder/out" | jq -r '.holes[] | "\(.from)-\(.to):\(.reason)"' | tr '\n' ' '
}

live_begin 1
: >"$suite_folder/valid"

criterion "commands with wrong offsets in a history" "every other command is decided, and the exit code is 3"
send_valid 5                  # 0
send_wrong 1000000 1 2        # 5: beyond the end of the log
send_valid 10                 # 8
send_wrong 5                  # 18: the offset of a later command
send_valid 30                 # 19
send_wrong 0 0 0              # 49
send_valid 5                  # 52
send_wrong 3 2 1 0            # 57
send_valid 5                  # 61
send_wrong 5 9 13 1           # 66: several jumps
send_valid 20                 # 70
send_wrong 21                 # 90: the last offset of the log
send_valid 21                 # 91
replay_ends "a dry run of it is incomplete" 3 --diff
check_equal "it leaves out no valid command" "" "$(left_out)"
check_equal "it names what it has not read" \
    "5-8:wrong offsets 18-19:wrong offsets 50-51:wrong offsets 57-60:wrong offsets 66-70:wrong offsets 90-91:wrong offsets " "$(holes)"
cp "$suite_folder/out" "$suite_folder/first"
for threads in 1 4; do
    replay_ends "on $threads threads, too" 3 --diff --threads $threads
    check "with the same bytes" cmp -s "$suite_folder/first" "$suite_folder/out"
done
sed -n '6,15p' "$suite_folder/valid" >"$suite_folder/some"
replay_ends "a range that ends before such a batch is complete" 1 --diff --from offset:8 --to offset:18
check_equal "it has all its commands" "" "$(left_out "$suite_folder/some")"
check_equal "it has no other ones" 10 "$(grep -c position "$suite_folder/out")"

criterion "the same in an applied replay" "every other command is applied"
live_intake topics create --set "replies.topic=$live_name.again" >/dev/null || suite_fail "a topic"
"$BUILD/client-intake" replay --config "$live_config" --set batch.commands=7 --apply --name wrong --replies "$live_name.again" \
    >"$suite_folder/apply" 2>"$suite_folder/apply.log"
check_equal "it is incomplete" 3 "$?"
live_settle "$live_name.again"
kcat -C -X fetch.wait.max.ms=10 -b "$kafka_address" -t "$live_name.again" -o beginning -e -q -X isolation.level=read_committed -f '%s\n' \
    | jq -r 'select(.type == "client.created") | "\(.source.offset) \(.commandId)"' | sort >"$suite_folder/created"
check_equal "each valid command has created its client" "" "$(sort "$suite_folder/valid" | comm -23 - "$suite_folder/created")"
check_equal "and so have those of the others that are in their places" "49 c-49 60 c-57" \
    "$(sort "$suite_folder/valid" | comm -13 - "$suite_folder/created" | tr '\n' ' ' | sed 's/ $//')"

criterion "a stranger's messages with wrong offsets in the reply topic" "the recorded replies are found"
wrong_reply() {
    "$BUILD/tests/faults/wrong_offsets" "${kafka_address%:*}" "${kafka_address#*:}" "$live_name.replies" 0 "$@" >/dev/null \
        || suite_fail "a reply with a wrong offset is sent"
}
wrong_reply 1000000=no
static_worker_start one
answered() {
    kcat -C -X fetch.wait.max.ms=10 -b "$kafka_address" -t "$live_name.replies" -o beginning -e -q -X isolation.level=read_committed -f '%s\n' \
        | grep -q "\"offset\":$((log_end - 1))}"
}
check "the daemon has replied up to the end" until_true 30 answered
worker_stop one
wrong_reply 60=no
wrong_reply 1000000=no 0=no
send_valid 1
replay_ends "a dry run with these replies" 3 --diff
check_equal "only the command without a reply is unknown" "$((log_end - 1))" \
    "$(jq -r 'select(.class == "unknown") | .position | split("/") | last' "$suite_folder/out" | tr '\n' ' ' | sed 's/ $//')"

criterion "batches whose offsets are all too high, each at the end of a fetch" "the commands behind them are decided"
start=$log_end
: >"$suite_folder/some"
for shift in 1 3; do
    send_valid 12
    send_wrong $(seq "$shift" $((shift + 7))) # it fills a fetch together with nothing else
    holes_expected+="$((log_end - 8))-$log_end:wrong offsets "
done
send_valid 12
sed -n "/^$start /,\$p" "$suite_folder/valid" >"$suite_folder/some"
replay_ends "a dry run, a fetch for each batch" 3 --diff --from "offset:$start" --set kafka.consumer.message.max.bytes=1000 \
    --set kafka.consumer.fetch.max.bytes=1000
check_equal "it leaves out no valid command" "" "$(left_out "$suite_folder/some")"
check_equal "it names what it has not read" "$holes_expected" "$(holes)"
suite_end

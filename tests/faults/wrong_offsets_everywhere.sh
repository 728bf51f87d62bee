#!/usr/bin/env bash
# Batches with wrong offsets, or that cannot be parsed, in many partitions of one thread: a partition without one does not
# wait until all are passed.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/suite.sh
. tests/lib/redis.sh
. tests/lib/live.sh
. tests/lib/faults.sh

LIVE_WORKSPACES=1
LIVE_CHECKS=9
wrong=60 # partitions
records=("5000000={}")
for ((record = 1; record < 10000; record++)); do records+=("$record={}"); done

is_met() { grep -q "not its place" "${worker_logs[one]}"; }
is_answered() { # COMMAND
    kcat -C -b "$kafka_address" -t "$live_name.elsewhere" -o beginning -e -q -X isolation.level=read_committed -f '%s\n' \
        2>/dev/null | grep -q '"commandId":"'"$1"'"'
}

send_command() { # COMMAND
    printf '{"commandId":"%s","workspaceId":"ws-0","givenName":"A","familyName":"B","email":"%s@example.com"}' "$1" "$1" \
        | kcat -P -b "$kafka_address" -H "kafka_replyTopic=$live_name.elsewhere" -t "$live_name.commands" -p "$wrong"
}

live_begin $((wrong + 1))
for ((partition = 0; partition < wrong; partition++)); do
    "$BUILD/tests/faults/wrong_offsets" "${kafka_address%:*}" "${kafka_address#*:}" "$live_name.commands" "$partition" \
        "${records[@]}" >>"$suite_folder/sent"
done
check_equal "batches that the broker has taken" "$wrong" "$(wc -l <"$suite_folder/sent")"

criterion "a wrong offset in each of many partitions of a thread" "the others are served between two of them"
worker_start one --set worker.threads=1
check "a wrong offset is met" until_true 30 is_met
send_command late
check "a command of a partition without one is answered" until_true 60 is_answered late
worker_stop one

criterion "commands that cannot be parsed in many partitions of a thread" "the others wait for two seconds at a time at most"
records=()
for ((record = 0; record < 20000; record++)); do records+=("$record:key="); done
for ((partition = 0; partition < 12; partition++)); do
    "$BUILD/tests/faults/wrong_offsets" "${kafka_address%:*}" "${kafka_address#*:}" "$live_name.commands" "$partition" \
        "${records[@]}" >>"$suite_folder/sent"
done
worker_start one --set worker.threads=1
several_are_found() { [ "$(grep -c 'commands cannot be parsed' "${worker_logs[one]}")" -ge 3 ]; }
check "several of them are found, one after the other" until_true 180 several_are_found
send_command later
check "a command of a partition without one is answered soon" until_true 30 is_answered later
worker_stop one
suite_end

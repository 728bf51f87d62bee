#!/usr/bin/env bash
# Commands that wait for definitions, with timestamps in the future or long ago: their partition waits once
# for all that are in it, not once for each batch.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

LIVE_WORKSPACES=1
LIVE_CHECKS=6
number=0
form_send() { # COUNT [OPTION ...]
    "$BUILD/tests/faults/form" send --bootstrap "$kafka_address" --topic "$live_name.commands" --partition 0 --count "$1" \
        --first "$number" "${@:2}" >/dev/null
    number=$((number + $1))
}
has_replies() { [ "$(kcat -C -X fetch.wait.max.ms=10 -b "$kafka_address" -t "$live_name.replies" -o beginning -e -q -X isolation.level=read_committed -f '%o\n' | wc -l)" -ge "$1" ]; }

live_begin 1
check "the command topic takes any timestamp" "$BUILD/tests/faults/topic_config" "$kafka_address" set "$live_name.commands" \
    message.timestamp.after.max.ms=9223372036854775807 message.timestamp.before.max.ms=9223372036854775807

# One wait takes 8 s, fifteen take 120: the limit is far from both. A timestamp long ago ends the wait at once.
criterion "thirty batches, each with a command that lacks definitions and has a wrong timestamp" "they are answered after one wait"
for ((batch = 0; batch < 30; batch++)); do
    form_send 1 --value client:200 --timestamp $((batch % 2 ? 4102444800000 : 1))
    form_send 9
done
worker_start one --set worker.threads=1 --set definitions.on_missing=wait --set definitions.wait=8s --set batch.commands=10
check "all are answered in time" until_true 90 has_replies 300
worker_stop one

# A batch of 64 KiB has some hundred of them, and copies of these do not fit into half of as much.
criterion "the same, and there is room for a few commands that wait" "what was dropped is read again: all are answered once, in order"
for ((batch = 0; batch < 30; batch++)); do
    form_send 1 --value client:200 --timestamp 4102444800000
    form_send 19
done
worker_start one --set worker.threads=1 --set definitions.on_missing=wait --set definitions.wait=8s --set batch.bytes=64KiB \
    --set limits.command_bytes=1KiB --set "limits.memory_bytes=32898 KiB" --set kafka.consumer.queued.max.messages.kbytes=16384
check "all are answered in time" until_true 90 has_replies 900
in_order() { # COUNT
    kcat -C -X fetch.wait.max.ms=10 -b "$kafka_address" -t "$live_name.replies" -o beginning -e -q -X isolation.level=read_committed |
        sed -E 's/.*"source":\{"topic":"[^"]*","partition":0,"offset":([0-9]+)\}.*/\1/' | cmp - <(seq 0 $(($1 - 1)))
}
check "each of them once, in order" in_order 900
worker_stop one
live_compare_schemas
suite_end

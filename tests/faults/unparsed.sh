#!/usr/bin/env bash
# Commands that Kafka takes and librdkafka cannot parse: a key or a value of the length -2, which Kafka reads as null, and
# a gzip stream of two members, of which librdkafka reads the first one only. It tells nobody, so they would stop their
# partition for good. Each is answered once, with too_large, in its place, whatever happens to the worker meanwhile, and so
# is every command around it. A long aborted transaction looks alike for a while, and is not answered.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/suite.sh
. tests/lib/redis.sh
. tests/lib/live.sh
. tests/lib/faults.sh

LIVE_WORKSPACES=1
LIVE_CHECKS=20
LIVE_COMPRESSION=producer
number=0 log_end=0

expect() { # CODE
    echo "$log_end $1" >>"$suite_folder/expected"
    log_end=$((log_end + 1))
}

command_text() {
    printf '{"commandId":"c-%d","workspaceId":"ws-0","givenName":"A","familyName":"B","email":"c%d@example.com"}' "$1" "$1"
}

send_valid() { # COUNT
    local last=$((number + $1))
    for ((; number < last; number++)); do
        command_text "$number"
        echo
        expect created
    done > >(kcat -P -b "$kafka_address" -t "$live_name.commands" -p 0)
    wait "$!"
}

# send_batch [--members BYTES] WORD ...: one batch. What a command is: good, key, value, header (of which the length is
# -2), or lost: good, but behind the first member.
send_batch() {
    local options=() records=() word place=0 at
    [ "$1" != --members ] || { options=("$1" "$2"); shift 2; }
    local begin=$log_end
    for word; do
        case $word in
            good) records+=("$place=$(command_text "$number")"); expect created ;;
            lost) records+=("$place=$(command_text "$number")"); expect too_large ;;
            *) records+=("$place:$word=$(command_text "$number")"); expect too_large ;;
        esac
        number=$((number + 1)) place=$((place + 1))
    done
    at=$("$BUILD/tests/faults/wrong_offsets" "${options[@]}" "${kafka_address%:*}" "${kafka_address#*:}" \
        "$live_name.commands" 0 "${records[@]}")
    [ "$at" = "$begin" ] || suite_fail "the broker takes a batch of $*" "at $at in place of $begin"
}

# "OFFSET CODE" of each reply, in their order.
replies() {
    kcat -C -X fetch.wait.max.ms=10 -b "$kafka_address" -t "$live_name.replies" -o beginning -e -q -X isolation.level=read_committed 2>/dev/null \
        | sed -n 's/.*"offset":\([0-9]*\)}.*"error":{"code":"\([a-z_]*\)".*/\1 \2/p; t; s/.*"offset":\([0-9]*\)}.*/\1 created/p'
}
all_are_answered() {
    replies >"$suite_folder/replies"
    [ "$(wc -l <"$suite_folder/replies")" -ge "$(wc -l <"$suite_folder/expected")" ]
}
answered() { # SECONDS
    check "all are answered" until_true "$1" all_are_answered
    check "each once, in their order" diff "$suite_folder/expected" "$suite_folder/replies"
}

live_begin 1
: >"$suite_folder/expected"
settings=(--set worker.threads=1 --set batch.commands=10)

criterion "commands that librdkafka cannot parse, in a backlog" "one too_large for each; the commands around them are answered once"
send_batch key
send_valid 5
send_batch value
send_batch key good value
send_batch good key good good value value good
send_batch header good
send_batch --members 10 good good lost
send_batch --members -50 good good good good good lost lost
send_batch --members 2 lost
send_batch --members 20 lost
send_valid 5
static_worker_start one "${settings[@]}"
answered 60

worker_stop one
live_compare_schemas
suite_end

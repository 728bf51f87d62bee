#!/usr/bin/env bash
# `replay --apply` that is run again with something else: another range, other workspaces, or another log. The name keeps its
# range, and says so. It does not go on where commands would be left out, or decided without the recorded replies that tell
# their definitions.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

LIVE_WORKSPACES=1
LIVE_CHECKS=22
live_begin 1
# send PREFIX COUNT
send() {
    local number
    for ((number = 0; number < $2; number++)); do
        printf '{"commandId":"%s-%d","workspaceId":"ws-0","givenName":"A","familyName":"B","email":"%s%d@example.com"}\n' \
            "$1" "$number" "$1" "$number"
    done | kcat -P -b "$kafka_address" -t "$live_name.commands" -p 0
}
send c 60
live_intake topics create --set "replies.topic=$live_name.again" >/dev/null || suite_fail "a topic"

apply() {
    "$BUILD/client-intake" replay --config "$live_config" --apply --name range --replies "$live_name.again" "$@" \
        >"$suite_folder/apply" 2>"$suite_folder/apply.log"
}
replied() {
    kcat -C -X fetch.wait.max.ms=10 -b "$kafka_address" -t "$live_name.again" -o beginning -e -q -X isolation.level=read_committed -f '%s\n' \
        | jq '.source.offset'
}
has_begun() {
    [ "$(replied | wc -l)" -ge 5 ]
}

criterion "a replay that is interrupted, and goes on with another range" "the range of its name"
"$BUILD/client-intake" replay --config "$live_config" --apply --name range --replies "$live_name.again" --from offset:10 \
    --to offset:40 --rate 2 >"$suite_folder/apply" 2>"$suite_folder/apply.log" &
apply_pid=$!
check "it has begun" until_true 60 has_begun
time="2[0-9]{3}-[0-9T:.-]+Z"
check "it has told its range, with times" \
    grep -qE "^$live_name.commands/0 from 10 \($time\) to 40 \($time\): 30 offsets$" "$suite_folder/apply"
check "and how far the topic reaches" grep -qE "commands/0 reaches from offset 0 \($time\) to 60$" "$suite_folder/apply.log"
kill -TERM "$apply_pid"
wait "$apply_pid"
check_equal "it is stopped" 2 "$?"
apply --from offset:39 --to offset:60
check_equal "a range without the recorded replies of the rest is refused" 64 "$?"
check "the range of the name is told" grep -q "begun with the range from 10 to 40 of partition 0" "$suite_folder/apply.log"
apply --from offset:10 --to offset:60
check_equal "a longer range is taken" 0 "$?"
check "it is told that the name keeps its range" grep -q "keeps the range.*from=10 to=40" "$suite_folder/apply.log"
live_settle "$live_name.again"
check_equal "each command of the range has one reply, and no other" "$(seq 10 39)" "$(replied)"
apply --from offset:10 --to offset:40
check_equal "the same range again is done" 0 "$?"
check "without a warning" [ "$(grep -c "keeps the range" "$suite_folder/apply.log")" -eq 0 ]

criterion "the same name with a choice of workspaces" "it is refused: commands of others were decided, or passed over"
apply --from offset:10 --to offset:40 --workspace ws-0
check_equal "it is refused" 64 "$?"
check "with the reason" grep -q "range was begun with other workspaces" "$suite_folder/apply.log"

criterion "the command topic is deleted and created again between two runs, with as many commands" \
    "the name is refused, and another one applies the new commands"
topic_config() {
    "$BUILD/tests/faults/topic_config" "$kafka_address" "$@"
}
apply_next() {
    "$BUILD/client-intake" replay --config "$live_config" --apply --name next --replies "$live_name.again" "$@" \
        >"$suite_folder/apply" 2>"$suite_folder/apply.log"
}
position=$(topic_config offsets "$live_name-replay-range" "$live_name.commands" 1)
check_equal "the position is at the end" "0 40" "$(cut -d' ' -f1,2 <<<"$position")"
topic_config replace "$live_name.commands" 1 || suite_fail "the topic is replaced"
send d 60
# Kafka removes the offsets of a topic that is deleted, but not those of a log that is lost or restored.
topic_config commit "$live_name-replay-range" "$live_name.commands" 0 40 "$(cut -d' ' -f4- <<<"$position")" \
    || suite_fail "the position is kept"
apply --from offset:10 --to offset:40
check_equal "it is refused" 64 "$?"
check "with the reason" grep -q "another log of $live_name.commands: partition 0 no longer has the command that was at offset 39" \
    "$suite_folder/apply.log"
apply_next
check_equal "another name ends with 0" 0 "$?"
check "it has made all clients" grep -q "^60 created, 0 rejected" "$suite_folder/apply"
topic_config trim "$live_name.commands" 0 60 || suite_fail "records are deleted"
send e 5
apply_next
check_equal "what retention deletes is not another log: the same name is done" 0 "$?"
check "it does nothing" grep -q "^0 created, 0 rejected" "$suite_folder/apply"
suite_end

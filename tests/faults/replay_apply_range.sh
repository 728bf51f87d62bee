#!/usr/bin/env bash
# `replay --apply` that is interrupted, and run again with another range: the name keeps its range, and says so; and it does
# not go on without the recorded replies of that range, which tell the definitions of its commands.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

LIVE_WORKSPACES=1
LIVE_CHECKS=11
live_begin 1
for ((number = 0; number < 60; number++)); do
    printf '{"commandId":"c-%d","workspaceId":"ws-0","givenName":"A","familyName":"B","email":"c%d@example.com"}\n' "$number" "$number"
done | kcat -P -b "$kafka_address" -t "$live_name.commands" -p 0
live_intake topics create --set "replies.topic=$live_name.again" >/dev/null || suite_fail "a topic"

apply() {
    "$BUILD/client-intake" replay --config "$live_config" --apply --name range --replies "$live_name.again" "$@" \
        >"$suite_folder/apply" 2>"$suite_folder/apply.log"
}
replied() {
    kcat -C -b "$kafka_address" -t "$live_name.again" -o beginning -e -q -X isolation.level=read_committed -f '%s\n' \
        | jq '.source.offset'
}
has_begun() {
    [ "$(replied | wc -l)" -ge 5 ]
}

criterion "a replay that is interrupted, and goes on with another range" "the range of its name"
"$BUILD/client-intake" replay --config "$live_config" --apply --name range --replies "$live_name.again" --from offset:10 \
    --to offset:40 --rate 2 >"$suite_folder/apply" 2>"$suite_folder/apply.log" &
apply_pid=$!
suite_owns "$apply_pid"
check "it has begun" until_true 60 has_begun
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
suite_end

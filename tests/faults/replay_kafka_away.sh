#!/usr/bin/env bash
# Kafka is away during `replay --apply`, for a short while and beyond the two minutes for which a run waits; and answers only
# in part during `replay --rebuild`.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

unset KAFKA_LANE # the broker that is killed is the suite's own
LIVE_WORKSPACES=1
LIVE_CHECKS=$(faults_choose 9 19)
live_begin 1
faults_own_kafka
count=$(faults_choose 120 300) # a run takes a tenth of a second for each
for ((number = 0; number < count; number++)); do
    printf '{"commandId":"c-%d","workspaceId":"ws-0","givenName":"A","familyName":"B","email":"c%d@example.com"}\n' "$number" "$number"
done | kcat -P -b "$kafka_address" -t "$live_name.commands" -p 0
live_intake topics create --set "replies.topic=$live_name.again" >/dev/null || suite_fail "a topic"

# apply_start NAME: its process is $apply_pid.
apply_start() {
    "$BUILD/client-intake" replay --config "$live_config" --apply --name "$1" --replies "$live_name.again" --rate 10 \
        --set batch.commands=10 >"$suite_folder/apply" 2>"$suite_folder/apply.log" &
    apply_pid=$!
}
apply_wait() {
    wait "$apply_pid"
    apply_code=$?
}
replies() {
    kcat -C -X fetch.wait.max.ms=10 -b "$kafka_address" -t "$live_name.again" -o beginning -e -q -X isolation.level=read_committed -f '%s\n'
}
# A reader finds no end of a topic to which somebody writes. At this rate each reply has a marker of its own.
replies_end() { kcat -b "$kafka_address" -Q -t "$live_name.again:0:-1" | sed 's/.* //'; }
replies_reach() { [ "$(replies_end)" -ge "$1" ]; }
kafka_goes() { tests/kafka/stop --kill "$kafka_folder"; }
kafka_returns() { check "the broker comes back" tests/kafka/start "$kafka_folder"; }

# each_is_answered_once WHAT
each_is_answered_once() {
    live_settle "$live_name.again"
    check_equal "$1" "$count $count" \
        "$(replies | jq -r .commandId | sort | uniq | wc -l) $(replies | wc -l)"
}

criterion "the broker is killed during an applied replay, and away for 5 s" "the run goes on; each command is answered once"
apply_start short
check "replies come" eventually replies_reach 40
kafka_goes
sleep 5
check "the run waits" process_runs "$apply_pid"
kafka_returns
apply_wait
check_equal "it ends with 0" 0 "$apply_code"
each_is_answered_once "each command is answered once"
check "it says that it waited" grep -qE 'level=(warning|error)' "$suite_folder/apply.log"
check "its summary counts all commands" grep -q "^$count created, 0 rejected" "$suite_folder/apply"

if faults_all; then
    criterion "the broker is away for longer than two minutes" "the run ends with 69, and the next one goes on where it was"
    before=$(replies_end)
    for ((number = 0; number < count; number++)); do
        printf '{"commandId":"d-%d","workspaceId":"ws-0","givenName":"A","familyName":"B","email":"d%d@example.com"}\n' "$number" "$number"
    done | kcat -P -b "$kafka_address" -t "$live_name.commands" -p 0
    count=$((2 * count))
    apply_start long
    check "replies come" eventually replies_reach $((before + 40))
    kafka_goes
    apply_wait
    check_equal "it ends with 69" 69 "$apply_code"
    check "it says why" grep -q "for two minutes" "$suite_folder/apply.log"
    kafka_returns
    apply_start long
    apply_wait
    check_equal "the next run ends with 0" 0 "$apply_code"
    each_is_answered_once "each command is answered once"

    criterion "Kafka no longer tells the group's offsets, from the beginning of a rebuild on" "the rebuild ends by itself, with 69"
    proxy_start kafka "$(cat "$kafka_folder/proxy")" "$(cat "$kafka_folder/proxied")" --kafka
    offset_fetch=9
    redis_ask FLUSHALL >/dev/null
    FAILPOINT=rebuild-begun FAILPOINT_SIGNAL=STOP "$BUILD/tests/faults/client-intake" replay --config "$live_config" --rebuild \
        --set "kafka.bootstrap.servers=$(cat "$kafka_folder/proxy")" >"$suite_folder/rebuild" 2>"$suite_folder/rebuild.log" &
    apply_pid=$!
    rebuild_is_stopped() { grep -q '^State:.*T' "/proc/$apply_pid/status"; }
    check "the rebuild has begun" eventually rebuild_is_stopped
    proxy_tell kafka answer "$offset_fetch" drop
    kill -CONT "$apply_pid"
    check "the rebuild ends" until_true 180 process_is_gone "$apply_pid"
    kill -KILL "$apply_pid" 2>/dev/null
    wait "$apply_pid"
    check_equal "it ends with 69" 69 $?
    check "it says why" grep -q 'client-intake replay: .*Timed out' "$suite_folder/rebuild.log"
fi
suite_end

# replay: what the suites of `client-intake replay` share: a generated history in a real Kafka, replays of it, the oracle.
#
#   live_begin 3; replay_history h 4000; replay_run OPTION ...; replay_judged "the recorded definitions"
# shellcheck shell=bash

# shellcheck source=tests/lib/live.sh
. "$(dirname "${BASH_SOURCE[0]}")/live.sh"

# replay_history NAME COUNT [OPTION ...]: generates a history in topics of its own, and dumps them for the oracle. Sets
# replay_config, which are the options for its topics, and replay_dumps, those of the oracle.
replay_history() {
    local name=$live_name.$1 count=$2 folder=$suite_folder/$1 lines set
    local plan=(--folder "$folder" --count "$count" "${@:3}")
    mkdir -p "$folder/asked"
    "$BUILD/tests/live/replay_history" lines "${plan[@]}" || suite_fail "a history is planned"
    for lines in "$folder"/set-*.lines; do
        set=${lines%.lines}
        "$BUILD/client-intake" validate --definitions "$set.definitions" "$lines" >"$set.replies" 2>"$folder/validate.log" \
            || [ $? -eq 1 ] || suite_fail "the history's commands are validated" "$(tail -n 1 "$folder/validate.log")"
    done
    "$BUILD/tests/live/replay_history" send "${plan[@]}" --bootstrap "$kafka_address" --commands "$name.commands" \
        --replies "$name.replies" --elsewhere "$name.elsewhere" --definitions "$name.definitions" \
        || suite_fail "the history is sent"
    replay_topics "$name" "$folder"
}

# replay_topics NAME FOLDER: the topics NAME.commands, NAME.replies, NAME.elsewhere, NAME.definitions are replayed from now
# on.
replay_topics() {
    replay_name=$1 replay_folder=$2
    replay_config=(--config "$live_config" --set "commands.topic=$1.commands" --set "replies.topic=$1.replies"
        --set "replies.allowed=$1.elsewhere" --set "definitions.topic=$1.definitions")
    replay_dumps=(--commands "$2/commands.dump" --replies "$2/replies.dump" --replies "$2/elsewhere.dump"
        --definitions "$2/definitions.dump" --program "$BUILD/client-intake" --folder "$2/asked")
    replay_dump
}

# Dumps the topics again.
replay_dump() {
    local topic all=(--all) # bounds may be aborted commands
    mkdir -p "$replay_folder/asked"
    for topic in commands replies elsewhere definitions; do
        "$BUILD/tests/live/replay_dump" --bootstrap "$kafka_address" --topic "$replay_name.$topic" \
            ${all[@]+"${all[@]}"} >"$replay_folder/$topic.dump" || suite_fail "the topic $topic is dumped"
        all=()
    done
}

# The definitions in Redis, for the oracle.
replay_dump_redis() {
    local key
    redis_ask --scan --pattern 'custom-fields:{*}' | while read -r key; do
        redis_ask --raw GET "$key" | head -c -1 | jq -Rsc --arg key "$key" \
            '{key: ($key | sub("^custom-fields:{"; "") | sub("}$"; "")), payload: .}'
    done >"$replay_folder/redis.dump"
}

# replay_run [OPTION ...]: a replay with --output json --diff; sets replay_status. The output is in $replay_output.
replay_run() {
    replay_output=$replay_folder/output
    "$BUILD/client-intake" replay "${replay_config[@]}" --output json --diff "$@" >"$replay_output" \
        2>"$replay_folder/log"
    replay_status=$?
}

# replay_run_measured [OPTION ...]: the same; also sets replay_peak, the most resident memory in KiB.
replay_run_measured() {
    local pid peak
    replay_output=$replay_folder/output replay_peak=0
    "$BUILD/client-intake" replay "${replay_config[@]}" --output json --diff "$@" >"$replay_output" \
        2>"$replay_folder/log" &
    pid=$!
    while peak=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB$/\1/p' "/proc/$pid/status" 2>/dev/null) && [ -n "$peak" ]; do
        replay_peak=$peak
        sleep 0.05
    done
    wait "$pid"
    replay_status=$?
}

# replay_oracle VERB [OPTION ...]
replay_oracle() {
    "$BUILD/tests/live/replay_oracle" "$1" "${replay_dumps[@]}" "${@:2}"
}

# replay_judged WHAT [OPTION ...]: the oracle finds nothing wrong with the last replay; its options are those of the replay
# in the oracle's words.
replay_judged() {
    local what=$1 wrong
    shift
    wrong=$(replay_oracle lines --output "$replay_output" --status "$replay_status" "$@" | head -n 5)
    check_equal "the oracle agrees with a replay of $what" "" "$wrong"
    [ -z "$wrong" ] || tail -n 5 "$replay_folder/log"
}

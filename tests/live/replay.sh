#!/usr/bin/env bash
# The dry run of `client-intake replay`, on a history in which every class occurs, and on one of a daemon whose definitions
# changed while it ran. The oracle says what each output must be.
. "$(dirname "$0")/../lib/replay.sh" || exit 1

LIVE_CHECKS=110
live_begin 3
replay_history clean "$(faults_choose 2000 3000)" --clean
replay_history history "$(faults_choose 2500 4000)" --seed "${SEED:-1}"
folder=$replay_folder

# What a dry run must not change: offsets of the suite's topics, what its group has committed, groups, and Redis with its
# count of writes. Suites before may have left groups and open transactions at the broker, which end some time.
world() {
    local key
    "$BUILD/tests/live/replay_marks" "$kafka_address" >"$folder/marks" || return
    grep "^$live_name\." "$folder/marks" | sort
    grep "^group $live_name" "$folder/marks"
    "$BUILD/tests/faults/topic_config" "$kafka_address" offsets "$live_name" "$live_name.history.commands" 3 || return
    redis_ask --scan | sort | while read -r key; do echo "$key $(redis_ask --raw DUMP "$key" | sha256sum)"; done
    redis_ask INFO persistence | grep rdb_changes_since_last_save
}

# world_settles FILE: leaves the world there, once nothing that was begun before changes it any more: the coordinator
# confirms the end of a transaction before its marker stands in each partition.
world_settles() {
    world >"$1" && ! awk -v name="$live_name." 'index($1, name) == 1 && $3 != $4 { open = 1 } END { exit !open }' "$1" \
        && world >"$1.again" && cmp "$1" "$1.again" && grep '^group ' "$folder/marks" | cut -d' ' -f2 | sort >"$1.groups"
}
# One workspace in two has the definitions of the end in Redis; the others have earlier ones, broken ones or none.
for ((workspace = 0; workspace < 25; workspace++)); do
    case $((workspace % 10)) in
        0 | 2 | 4 | 6) set=10 ;;
        7) set=9 ;;
        8) continue ;;
        *) set=$((workspace % 7)) ;;
    esac
    redis_ask -x SET "custom-fields:{ws-$workspace}" <"$folder/set-$set.definitions" >/dev/null
done
redis_ask SET 'custom-fields:{ws-9}' '{"data":[{"key":"a","type":"nothing"}]}' >/dev/null
redis_ask DEL 'custom-fields:{ws-17}' >/dev/null
replay_dump_redis
check "what was sent has settled" eventually world_settles "$folder/world"

# judged WHAT OPTION ...: a replay with these options is as the oracle says.
judged() {
    local what=$1 options=() option
    shift
    for option in "$@"; do options+=("${option/#--definitions/--definitions-of}"); done
    replay_run "$@"
    replay_judged "$what" "${options[@]}" --current "$folder/redis.dump"
}
# classes: the counts of the last replay, as CLASS=COUNT
classes() {
    tail -n 1 "$replay_output" | jq -r '.classes | to_entries[] | "\(.key)=\(.value)"' | tr '\n' ' '
}
all_classes_occur() {
    ! classes | grep -qE '=0 '
}

# ---- definitions ----

judged "the recorded definitions"
check "every class occurs in it: $(classes)" all_classes_occur
check_equal "its exit status is 1" 1 "$replay_status"
cp "$replay_output" "$folder/recorded"
judged "the present definitions" --definitions current
check "every class occurs in it: $(classes)" all_classes_occur
judged "the definitions of files" --definitions "ws-1=$folder/set-1.definitions" --definitions "ws-2=$folder/set-2.definitions" \
    --definitions "ws-3=$folder/set-4.definitions" --definitions "ws-24=$folder/set-0.definitions"
judged "files and present definitions" --definitions current --definitions "ws-5=$folder/set-5.definitions"
judged "recorded definitions and files" --definitions recorded --definitions "ws-5=$folder/set-3.definitions" --workspace ws-5
# From definitions to others and back: what the one replay rejects is valid in the other.
replay_run --definitions "ws-4=$folder/set-1.definitions" --workspace ws-4
check "accepted commands are rejected by stricter definitions: $(classes)" \
    [ "$(jq -c 'select(.class == "now_rejected" and .then == "created" and any(.changes[]; .path == "/customFields/pronouns" and .now == "required"))' "$replay_output" | wc -l)" -ge 5 ]
check "a duplicate, too" [ "$(jq -c 'select(.class == "now_rejected" and .then == "duplicate")' "$replay_output" | wc -l)" -ge 1 ]
check "and rejected ones are valid" [ "$(jq -c 'select(.class == "now_valid")' "$replay_output" | wc -l)" -ge 1 ]

cp "$live_config" "$folder/lenient.ini"
printf '[validation]\nunknown_attributes = ignore\n' >>"$folder/lenient.ini"
kept=("${replay_config[@]}")
replay_config[1]=$folder/lenient.ini
replay_run
replay_judged "another config: $(classes)" --settings "$folder/lenient.ini"
check "it changes errors" [ "$(jq -c 'select(.class == "errors_changed" and any(.changes[]; .then == "unknown_attribute"))' "$replay_output" | wc -l)" -ge 5 ]
replay_config=("${kept[@]}")

# ---- ranges ----

# Bounds in the middle of the history: an aborted command, its marker, and what stands behind them.
aborted=$(jq -r 'select(.committed == false and .partition == 0) | .offset' "$folder/commands.dump" | head -n 1)
ends=$(jq -r 'select(.stable) | .stable' "$folder/commands.dump" | sort -n | tail -n 1)
judged "a part" --from offset:200 --to offset:700
judged "what is up to an aborted command" --to "offset:$aborted"
judged "what is up to its marker" --to "offset:$((aborted + 1))"
judged "what is up to and with its marker" --to "offset:$((aborted + 2))"
judged "what is from an aborted command on" --from "offset:$aborted" --to "offset:$((aborted + 50))"
judged "what is from its marker on" --from "offset:$((aborted + 1))" --to "offset:$((aborted + 50))"
judged "nothing but an aborted command" --from "offset:$aborted" --to "offset:$((aborted + 2))" --partition 0
judged "an empty range" --from offset:300 --to offset:300
check_equal "its exit status is 0" 0 "$replay_status"
judged "a range whose end is before its beginning" --from offset:300 --to offset:200
judged "a range beyond the end" --from "offset:$((ends + 100))"
judged "a range to far beyond the end" --from "offset:$((ends - 100))" --to offset:99999999999
judged "a time beyond the end" --from time:4102444800000
judged "a time before the beginning" --from time:0 --to time:1
judged "a range from the beginning to the end, in words" --from beginning --to end
judged "one partition" --partition 1
judged "two partitions, one of them twice" --partition 2 --partition 0 --partition 2
judged "one workspace" --workspace ws-7
judged "workspaces and a partition" --workspace ws-7 --workspace ws-24 --workspace nobody --partition 1
judged "a workspace in a part of the history" --workspace ws-3 --from offset:100 --definitions current

# A marker has the time of the broker's clock, so times are looked for where there is none.
replay_topics "$live_name.clean" "$suite_folder/clean"
at() {
    jq -r "select(.partition == 1 and .offset == $1) | .ts" "$replay_folder/commands.dump"
}
clean=("from a time on:--from:time:$(at 300)" "between times:--from:time:$(($(at 300) + 1)):--to:time:$(at 301)"
    "from an offset to a time:--from:offset:500:--to:time:$(at 600)" "of one millisecond:--from:time:$(at 400):--to:time:$(($(at 400) + 1))"
    "whose end is before its beginning:--from:time:$(at 500):--to:time:$(at 400)")
for ((i = 0; i < 5; i++)); do
    IFS=: read -r what options <<<"${clean[i]}"
    mapfile -t options < <(sed 's/:--/\n--/g; s/\(--[a-z]*\):/\1\n/g' <<<"$options")
    replay_run "${options[@]}"
    replay_judged "what is $what" "${options[@]}"
    check_equal "all is the same" 0 "$replay_status"
done
replay_run
replay_judged "a whole history in which nothing changes"
check_equal "its exit status is 0" 0 "$replay_status"
replay_run --definitions "ws-1=$folder/set-2.definitions"
replay_judged "it with other definitions" --definitions-of "ws-1=$folder/set-2.definitions"
replay_topics "$live_name.history" "$folder"

# It waits ten seconds for Kafka, while others run.
"$BUILD/client-intake" replay "${replay_config[@]}" --set kafka.bootstrap.servers=127.0.0.1:1 >/dev/null 2>&1 &
away=$!

# ---- the same bytes ----

for options in "--threads 1" "--threads 2" "--threads 4" "--threads 4 --memory 224MiB"; do
    # shellcheck disable=SC2086
    replay_run $options
    check "the same bytes with $options" cmp -s "$replay_output" "$folder/recorded"
done
replay_run --set 'replies.allowed=*.elsewhere'
check "the same bytes where a pattern allows the other reply topic" cmp -s "$replay_output" "$folder/recorded"
for threads in 1 4; do
    "$BUILD/client-intake" replay "${replay_config[@]}" --diff --threads $threads >"$folder/text-$threads" 2>/dev/null
done
check "the same text on one thread and on four" cmp -s "$folder/text-1" "$folder/text-4"
check_equal "as many entries as in JSON" "$(grep -c position "$folder/recorded")" "$(grep -cE '^[^ ]*/[0-9]+/[0-9]+  ' "$folder/text-1")"
replay_output=$folder/undiffed
"$BUILD/client-intake" replay "${replay_config[@]}" --output json >"$replay_output" 2>/dev/null
replay_status=$?
replay_judged "the summary alone" --no-diff

check "no dry run has left anything open" eventually world_settles "$folder/world-after"
check_equal "no dry run has changed an offset, a group or Redis" "" "$(diff "$folder/world" "$folder/world-after")"
check_equal "or made a group" "" "$(comm -13 "$folder/world.groups" "$folder/world-after.groups")"
check "offsets of topics were compared" grep -q "^$live_name.history.commands/0 " "$folder/world"

# ---- exit codes ----

# exits STATUS WHAT OPTION ...
exits() {
    "$BUILD/client-intake" replay "${replay_config[@]}" "${@:3}" >"$folder/out" 2>"$folder/error"
    check_equal "$2 gives exit code $1" "$1" "$?"
}
exits 64 "a bound that is none" --from tomorrow
exits 64 "a time that is none" --from time:tomorrow
exits 64 "a negative offset" --to offset:-1
exits 64 "an end as the beginning" --from end
exits 64 "a partition that is no number" --partition one
exits 64 "a partition that does not exist" --partition 3
exits 64 "an unknown option" --frm offset:1
exits 64 "a word too many" everything
exits 64 "less memory than it needs" --memory 1MiB
exits 64 "no threads" --threads 0
exits 64 "a workspace that cannot be one" --workspace 'a b'
exits 69 "a file that is not there" --definitions "ws-1=$folder/nothing"
echo '[{"key":"a","type":"nothing"}]' >"$folder/broken.json"
exits 78 "a file with broken definitions" --definitions "ws-1=$folder/broken.json"
wait "$away"
check_equal "Kafka that is away gives exit code 69" 69 "$?"
exits 69 "Redis that is away" --definitions current --set "redis.address=unix:$folder/nothing"
exits 1 "Redis that is away, without need for it" --set "redis.address=unix:$folder/nothing"
exits 64 "a command topic that is not there" --set "commands.topic=$live_name.nothing"
exits 64 "to apply and to rebuild at once" --apply --rebuild --name a --replies b
exits 64 "a range of a rebuild" --rebuild --from offset:1
exits 64 "a name of a rebuild" --rebuild --name a

# ---- options that change nothing ----

exits 0 "a workspace that does not occur" --workspace nobody
check "it is told" grep -q 'workspace=nobody' "$folder/error"
exits 1 "a workspace that occurs, with a file for one that does not" --workspace ws-1 --definitions "nobody=$folder/set-1.definitions"
check "the latter is told" grep -q 'option=--definitions workspace=nobody' "$folder/error"
check "the former is not" [ "$(grep -c 'option=--workspace' "$folder/error")" -eq 0 ]
exits 1 "a reply topic that does not exist" --set "replies.topic=$live_name.nothing"
check "it is told" grep -q "the reply topic does not exist.*topic=$live_name.nothing" "$folder/error"

# ---- what cannot be read ----

"$BUILD/tests/faults/topic_config" "$kafka_address" trim "$replay_name.commands" 1 250 || suite_fail "records are deleted"
replay_dump
judged "what is left after a deletion"
check_equal "its exit status is 1" 1 "$replay_status"
judged "a range of which a part is deleted" --from offset:200
check_equal "its exit status is 3" 3 "$replay_status"
judged "the same with gaps allowed" --from offset:200 --allow-gaps
judged "a time that is deleted" --from time:0 --partition 1
"$BUILD/tests/live/tamper" --bootstrap "$kafka_address" --from "$replay_name.commands" --to "$live_name.open.commands" \
    --where '"commandId":"import-2"' --open >/dev/null || suite_fail "a transaction is left open"
for topic in replies elsewhere definitions; do
    "$BUILD/tests/live/tamper" --bootstrap "$kafka_address" --from "$replay_name.$topic" --to "$live_name.open.$topic" \
        || suite_fail "$topic are copied"
done
replay_topics "$live_name.open" "$suite_folder/open"
judged_open() {
    replay_run "${@:2}"
    replay_judged "$1" "${@:2}"
}
judged_open "what is before an open transaction"
check_equal "its exit status is 1" 1 "$replay_status"
judged_open "what an open transaction hides" --to offset:99999
check_equal "its exit status is 3" 3 "$replay_status"
judged_open "the same with gaps allowed" --to offset:99999 --allow-gaps
check "the open transaction is told" grep -q "open transaction" "$replay_folder/log"

# ---- a daemon ----

# changed NUMBER ...: these workspaces get other definitions; a batch that is evaluated now ends with the old ones.
changed() {
    local number
    for number in "$@"; do
        live_intake definitions put "ws-$number" "$folder/new.json" >>"$suite_folder/put" 2>&1 || suite_fail "definitions are put"
    done
}
redis_ask FLUSHALL >/dev/null
check "Redis has the definitions of the topic" live_intake definitions sync
worker_start one --set worker.threads=2 --set batch.commands=100
produce 0 1500
check "commands get replies by the first definitions" oracle await 60
sed 's/"key": "seats", "name": "Seats", "type": "number"/&, "rules": {"maximum": 20}/' "$LIVE_DEFINITIONS" >"$folder/new.json"
check "the definitions change" bash -c '! cmp -s "$0" "$1"' "$LIVE_DEFINITIONS" "$folder/new.json"
changed 0 1 2 3 4 5
produce_along 1500 1500 --rate 1000
sed -i 's/"type": "text", "order": 1/&, "rules": {"required": true}/' "$folder/new.json"
changed 4 5 6 7 8
cp "$LIVE_DEFINITIONS" "$folder/new.json"
changed 1 5
produce_wait
check "every command gets a reply" oracle await 60
worker_stop one
replay_topics "$live_name" "$suite_folder/daemon"
judged "a daemon's history, by the recorded definitions"
check_equal "all is the same" 0 "$replay_status"
cp "$replay_output" "$suite_folder/daemon/all"
replay_dump_redis
replay_run --definitions current
replay_judged "a daemon's history, by the present definitions" --definitions-of current --current "$replay_folder/redis.dump"
check "some are now rejected: $(classes)" [ "$(jq -c 'select(.class == "now_rejected")' "$replay_output" | wc -l)" -ge 10 ]
live_compare_schemas
suite_end

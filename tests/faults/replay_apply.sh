#!/usr/bin/env bash
# `replay --apply`: interrupted in any way and run again, it ends in the state of a run without interruption; what has no
# record is decided again, and what has one is left alone, whatever Redis holds; and a daemon beside it goes on.
#
# Each scene has record topic, reply topic, Redis database and name of its own, over the same commands.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

commands=400 # of the mixture, in two partitions
databases=256

# ---- scenes ----

scene_number=0

# scene NAME: fresh topics and a fresh database. Sets scene, scene_options and scene_database.
scene() {
    scene=$1
    scene_number=$((scene_number + 1))
    scene_database=$scene_number
    scene_options=(--set "records.topic=$live_name.records-$scene" --set "redis.database=$scene_database"
        --set batch.commands=50)
    [ -z "${kafka_address:-}" ] || since=(--partition 0 --from "offset:$(end_of 0)")
    live_intake topics create --set "records.topic=$live_name.records-$scene" --set "replies.topic=$live_name.again-$scene" \
        >/dev/null || suite_fail "topics of $scene"
}

# apply NAME [OPTION ...]: one run of `replay --apply` in the scene. Its output is in $suite_folder/apply, what it says on
# standard error in $suite_folder/apply.log. $apply_program, if it is set, runs in place of the program.
apply() {
    local name=$1
    shift
    "${apply_program:-$BUILD/client-intake}" replay --config "$live_config" "${scene_options[@]}" --apply --name "$scene.$name" \
        --replies "$live_name.again-$scene" "$@" >"$suite_folder/apply" 2>"$suite_folder/apply.log"
}

# apply_ends WHAT CODE NAME [OPTION ...]
apply_ends() {
    local what=$1 expected=$2
    shift 2
    apply "$@"
    local code=$?
    check_equal "$what" "$expected" "$code"
    [ "$code" = "$expected" ] || tail -n 5 "$suite_folder/apply" "$suite_folder/apply.log"
    apply_settles "$code"
}

# apply_settles CODE: what a run that came to its end has committed can be read.
apply_settles() {
    case $1 in 0 | 1 | 3) live_settle "$live_name.records-$scene" "$live_name.again-$scene" ;; esac
}

# apply_start NAME [OPTION ...]: the same in the background: its process is $apply_pid.
apply_start() {
    apply "$@" &
    apply_pid=$!
}

# apply_process: the process of the program itself, which the background shell waits for.
apply_process() {
    cat "/proc/$apply_pid/task/$apply_pid/children"
}

apply_wait() {
    wait "$apply_pid"
    apply_code=$?
    apply_settles "$apply_code"
}

redis_of() {
    redis_ask -n "$scene_database" "$@"
}

consume() {
    kcat -b "$kafka_address" -C -X isolation.level=read_committed -X fetch.wait.max.ms=10 -o beginning -e -q "$@"
}

# What a scene has come to: the last record of each client, the replies without their places, and the keys of Redis.
state() {
    consume -t "$live_name.records-$scene" -f '%k %S %h %s\n' | awk '{ last[$1] = $0 } END { for (key in last) print last[key] }' | sort
    echo "replies"
    consume -t "$live_name.again-$scene" -f '%k %h %s\n' | sort
    echo "redis"
    redis_of EVAL "local all = {}
        for _, key in ipairs(redis.call('KEYS', 'client*')) do
            if string.sub(key, 1, 14) ~= 'client-intake:' then table.insert(all, key .. ' ' .. redis.call('GET', key)) end
        end
        table.sort(all)
        return all" 0
}

# as_without_interruption WHAT [SCENE]: compares the scene's state with that of the scene `plain`, or of another one.
as_without_interruption() {
    local plain=$suite_folder/${2:-plain}
    state >"$suite_folder/state"
    if cmp -s "$plain" "$suite_folder/state"; then
        suite_pass "$1"
    else
        suite_fail "$1" "$(diff "$plain" "$suite_folder/state" | head -n 6 | cut -c 1-300)"
    fi
}

# What stands there before the run that is tested: records of half of the commands, one of them removed again, and an empty
# Redis. So a run fills Redis first, passes over what has a record, and makes the removed client again.
prepare() {
    local key
    apply_ends "$scene: half of the records are there" 0 before --partition 0 --to offset:120 --definitions current
    key=$(consume -t "$live_name.records-$scene" -f '%k\n' | sort | head -n 1)
    echo "$key:" | kcat -b "$kafka_address" -P -X partitioner=murmur2_random -t "$live_name.records-$scene" -K : -Z
    redis_of FLUSHDB >/dev/null
}

# What the last run has decided, and what it has decided or passed over, as its summary says.
decided_in_apply() { sed -nE 's/^([0-9]+) created, ([0-9]+) rejected.*/\1 \2/p' "$suite_folder/apply" | awk '{ print $1 + $2 }'; }
decided_and_passed() {
    sed -nE 's/^([0-9]+) created, ([0-9]+) rejected.*, ([0-9]+) passed over.*/\1 \2 \3/p' "$suite_folder/apply" | awk '{ print $1 + $2 + $3 }'
}

lock() {
    echo "client-intake:replay-lock:$live_name.commands"
}

# The lock of a run that was killed ends by itself; here that is soon.
lock_ends_soon() {
    local left
    left=$(redis_of PTTL "$(lock)")
    check "$1: the lock of the killed run ends by itself, in $left ms" [ "$left" -gt 0 -a "$left" -le 10000 ]
    redis_of PEXPIRE "$(lock)" 300 >/dev/null
    redis_of PEXPIRE client-intake:rebuild 300 >/dev/null
}

lock_is_taken() {
    [ "$(redis_of EXISTS "$(lock)")" = 1 ]
}

# text ID EMAIL [MORE]: a command of the workspace that is called like the scene.
text() {
    echo "{\"commandId\":\"$1\",\"workspaceId\":\"$scene\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"$2\"${3:-}}"
}

# send [PARTITION]: commands on standard input, one a line. The range of those that are sent since a scene began is $since.
send() {
    kcat -b "$kafka_address" -P -t "$live_name.commands" -p "${1:-0}" || suite_fail "$scene: commands are sent"
}

pronouns=',"customFields":{"pronouns":"she"}'

put_definitions() {
    live_intake definitions put "$scene" "${1:-tests/live/definitions.json}" "${scene_options[@]}" >/dev/null \
        || suite_fail "$scene: definitions are put"
}

# The ends of the partitions of the command topic.
end_of() {
    kcat -b "$kafka_address" -Q -t "$live_name.commands:$1:-1" | sed 's/.* offset \([0-9]*\).*/\1/'
}

# The outcomes in the scene's reply topic: "ID OUTCOME,ID OUTCOME", sorted.
outcomes() {
    consume -t "$live_name.again-$scene" | jq -r --arg scene "$scene" 'select(.workspaceId == $scene) | .commandId + " " + (.error.code // .type)' | sort | paste -sd, -
}

# Live clients with the email of another one of their workspace, as the record topic has them.
shared_emails() {
    consume -t "$live_name.records-$scene" -f '%k %s\n' | awk '{ last[$1] = $0 } END { for (key in last) print last[key] }' \
        | grep '{' | sed 's/^\([^/]*\)\/[^ ]* .*"email":"\([^"]*\)".*/\1 \2/' | tr '[:upper:]' '[:lower:]' | sort | uniq -d
}

# id_of COMMAND: the client's id in the scene's records.
id_of() {
    consume -t "$live_name.records-$scene" -f '%k %h\n' | grep "command-id=$1," | sed 's/^[^/]*\/\([^ ]*\) .*/\1/' | tail -n 1
}

live_begin 2 --databases "$databases"
produce 0 "$commands"
tenths 2
history=(--partition 0 --partition 1 --to "time:$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)")
tenths 2

suite_of_plain() {
    criterion "a run without interruption" "every command without a record is decided, and only those"
    scene plain
    prepare
    apply_ends "the run ends with 0" 0 whole --definitions current "${history[@]}"
    state >"$suite_folder/plain"
    check_equal "every command has a record, or a reply, or the id of a client" "$commands" \
        "$(decided_and_passed)"
    check_equal "no email has two clients" "" "$(shared_emails)"
    check_equal "no dead letter is written" 0 "$(consume -t "$live_name.dead-letters" | grep -c .)"
    apply_ends "the same name again has nothing to do" 0 whole --definitions current "${history[@]}"
    as_without_interruption "nothing has changed by that"
    apply_ends "another name answers only what has no record" 0 another --definitions current "${history[@]}"
    check "it creates nothing" grep -q '^0 created' "$suite_folder/apply"
    apply_ends "JSON can be asked for" 0 another --output json "${history[@]}"
    check_equal "it has an object for each partition, and a summary" "0 1 true" \
        "$(jq -r '.partition // .done' "$suite_folder/apply" | xargs)"
}

suite_of_points() {
    criterion "kill -9 at each named point" "the next run ends in the state of one without interruption"
    points=$(crash_points)
    times=$(faults_choose 1 3)
    if ! faults_all; then points="owned after-claim in-send after-offsets after-commit after-checkpoint rebuild-half"; fi
    for point in $points; do
        case $point in in-displacement | in-revocation) continue ;; esac
        for ((time = 0; time < times; time++)); do
            passes=$((time * 2))
            case $point in owned | rebuild-*) [ "$time" -eq 0 ] || continue ;; filled | before-* | after-* | in-*) passes=$((passes + 1)) ;; esac
            scene "$point-$time"
            prepare
            FAILPOINT=$point FAILPOINT_AFTER=$passes apply_program=$BUILD/tests/faults/client-intake \
                apply whole --definitions current "${history[@]}" 2>/dev/null
            check_equal "the run is killed at $point" "failpoint $point" "$(tail -n 1 "$suite_folder/apply.log")"
            lock_ends_soon "$point"
            apply_ends "$point: the next run ends with 0" 0 whole --definitions current "${history[@]}"
            as_without_interruption "$point: it ends in the same state"
        done
    done
}

suite_of_later_claim() {
    criterion "a claim of a killed run, and definitions that come after it" "it gives way to an earlier command"
    scene late
    { text late-1 late@example.com "$pronouns"; text late-2 late@example.com; } | send
    FAILPOINT=after-claim apply_program=$BUILD/tests/faults/client-intake apply it --definitions current "${since[@]}" 2>/dev/null
    check_equal "the run is killed after its claim" "failpoint after-claim" "$(tail -n 1 "$suite_folder/apply.log")"
    check "the later command has claimed the email" [ "$(redis_of EXISTS "client-email:{late}:late@example.com")" = 1 ]
    lock_ends_soon late
    put_definitions
    FAILPOINT=in-displacement apply_program=$BUILD/tests/faults/client-intake apply it --definitions current "${since[@]}" 2>/dev/null
    check_equal "the next one is killed while it takes it" "failpoint in-displacement" "$(tail -n 1 "$suite_folder/apply.log")"
    lock_ends_soon late
    apply_ends "the third one ends with 0" 0 it --definitions current "${since[@]}"
    check_equal "the earlier command has the email" "late-1 client.created,late-2 email_taken" "$(outcomes)"
}

suite_of_strange_claims() {
    criterion "claims that nothing will commit" "they do not count, whatever made them"
    scene twin
    { text twin-1 one@example.com; text twin-2 two@example.com; text twin-3 three@example.com; } | send
    twins=("${since[@]}")
    apply_ends "the ids are found out" 0 it "${twins[@]}"
    one=$(id_of twin-1) two=$(id_of twin-2)
    # Of the same id and another body; of another id and the same email; in a partition that no worker has.
    zeros=00000000000000000000000000000000
    for stranger in "$live_name.commands/1/3" "$live_name.commands/0/99999999"; do
        redis_of FLUSHDB >/dev/null
        apply_ends "Redis is filled" 0 "fill-$zeros" --partition 1 --to offset:0
        redis_of DEL "client:{twin}:$one" "client:{twin}:$two" "client-email:{twin}:one@example.com" \
            "client-email:{twin}:two@example.com" >/dev/null
        redis_of SET "client:{twin}:$one" "$stranger $zeros"$'\n{"id":"'"$one"'","object":"client","email":"other@example.com"}' >/dev/null
        redis_of SET "client-email:{twin}:other@example.com" "$one" >/dev/null
        redis_of SET "client:{twin}:$zeros-000" "$stranger $zeros"$'\n{"id":"x","object":"client","email":"two@example.com"}' >/dev/null
        redis_of SET "client-email:{twin}:two@example.com" "$zeros-000" >/dev/null
        for id in "$one" "$two"; do echo "twin/$id:"; done \
            | kcat -b "$kafka_address" -P -X partitioner=murmur2_random -t "$live_name.records-$scene" -K : -Z
        apply_ends "claims from $stranger: the run ends with 0" 0 "again-${stranger//[^0-9]/}" "${twins[@]}"
        check_equal "both clients are made again" "2 created, 0 rejected, 1 passed over with a record." \
            "$(tail -n 1 "$suite_folder/apply")"
        check_equal "the claims are gone" "0" \
            "$(redis_of EXISTS "client:{twin}:$zeros-000" "client-email:{twin}:other@example.com")"
        check_equal "the emails are those of the records" "$one $two" \
            "$(redis_of MGET "client-email:{twin}:one@example.com" "client-email:{twin}:two@example.com" | xargs)"
    done
}

suite_of_later_record() {
    criterion "a record of a later offset" "it always counts"
    scene record
    { text record-1 same@example.com "$pronouns"; text record-2 same@example.com; } | send
    apply_ends "the later command gets the email" 0 first --definitions current "${since[@]}"
    check_equal "the earlier one lacks definitions" "record-1 definitions_missing,record-2 client.created" "$(outcomes)"
    put_definitions
    apply_ends "with definitions the earlier one is decided again" 0 second --definitions current "${since[@]}"
    check_equal "the later one keeps its email and is passed over" "record-1 definitions_missing,record-1 email_taken,record-2 client.created" "$(outcomes)"
    redis_of FLUSHDB >/dev/null
    apply_ends "the same with an empty Redis" 0 third --definitions current "${since[@]}"
    check_equal "the later one has its email" "$(id_of record-2)" "$(redis_of GET "client-email:{record}:same@example.com")"
}

suite_of_without_id() {
    criterion "commands without an id" "they are answered again"
    scene broken
    { text broken-1 broken@example.com; echo '{'; text broken-1 broken@example.com; text broken-1 other@example.com; } | send
    apply_ends "the first run" 0 first "${since[@]}"
    apply_ends "the second run" 0 second "${since[@]}"
    check_equal "only the broken one is answered twice" "client.created malformed_json malformed_json" \
        "$(consume -t "$live_name.again-$scene" | jq -r '.error.code // .type' | sort | xargs)"
}

suite_of_definitions() {
    criterion "the definitions of the time" "they are the default; files and the present ones can be asked for"
    scene defined
    worker_start recorder "${scene_options[@]}" --set "replies.topic=$live_name.replies"
    put_definitions <(echo '{"data":[]}')
    text defined-1 defined@example.com "$pronouns" | send
    answered() { consume -t "$live_name.replies" | grep -q '"commandId":"defined-1"'; }
    check "the daemon refuses a field that is not defined" eventually answered
    worker_stop recorder
    put_definitions
    apply_ends "recorded definitions" 0 recorded "${since[@]}"
    check_equal "the command is refused again" "defined-1 validation_failed" "$(outcomes)"
    apply_ends "a file" 0 file --definitions "defined=tests/live/definitions.json" "${since[@]}"
    check_equal "the command is accepted" "defined-1 client.created,defined-1 validation_failed" "$(outcomes)"

    scene unknown
    redis_of SET "custom-fields:{unknown}" '{"data":[]}' >/dev/null
    worker_start recorder "${scene_options[@]}" --set "replies.topic=$live_name.replies" --set "kafka.consumer.group.id=$live_name-$scene"
    text unknown-1 unknown@example.com "$pronouns" | send
    unknown_is_answered() { consume -t "$live_name.replies" | grep -q '"commandId":"unknown-1"'; }
    check "the daemon decides by definitions that no topic has" eventually unknown_is_answered
    worker_stop recorder
    apply_ends "recorded definitions that are gone" 3 it "${since[@]}"
    check_equal "the command is not decided" "" "$(outcomes)"
}

suite_of_second_process() {
    criterion "a second process" "it ends with 69, and the first one goes on"
    scene second
    prepare
    apply_start whole --definitions current --rate 50 "${history[@]}"
    check "the first one has the lock" eventually lock_is_taken
    others=()
    for name in whole other; do
        "$BUILD/client-intake" replay --config "$live_config" "${scene_options[@]}" --apply --name "$scene.$name" \
            --replies "$live_name.again-$scene" "${history[@]}" >/dev/null 2>"$suite_folder/second-$name.log" &
        others+=($!)
    done
    for name in whole other; do
        wait "${others[0]}"
        check_equal "a second process by the name $name" 69 $?
        check "it says why" grep -q "is being applied" "$suite_folder/second-$name.log"
        others=("${others[@]:1}")
    done
    apply_wait
    check_equal "the first one ends with 0" 0 "$apply_code"
    as_without_interruption "it ends in the same state"
    check "the lock is given back" [ "$(redis_of EXISTS "$(lock)")" = 0 ]
}

suite_of_terminated() {
    criterion "SIGTERM" "the run ends with 2, and the next one goes on where it was"
    scene term
    prepare
    apply_start whole --definitions current --rate 100 "${history[@]}"
    before=$(consume -t "$live_name.again-$scene" | grep -c .)
    replies_are_there() { [ "$(consume -t "$live_name.again-$scene" | grep -c .)" -gt $((before + 60)) ]; }
    check "replies come" eventually replies_are_there
    began=$(date +%s%N)
    kill -TERM "$(apply_process)"
    apply_wait
    check_equal "it ends with 2" 2 "$apply_code"
    check "it ends within 5 s" [ $((($(date +%s%N) - began) / 1000000)) -lt 5000 ]
    check "it says how far it is" grep -q 'done up to .* of ' "$suite_folder/apply"
    began=$(date +%s%N)
    apply_ends "the next run ends with 0" 0 whole --definitions current --rate 100 "${history[@]}"
    took_ms=$((($(date +%s%N) - began) / 1000000))
    check "it goes on" grep -q 'goes on at' "$suite_folder/apply"
    as_without_interruption "it ends in the same state"
    decided=$(decided_in_apply)
    check "--rate 100: $decided commands take at least that long: $took_ms ms" [ "$took_ms" -ge $(((decided - 1) * 10)) ]
}

# is_frozen: the run in the background is stopped; its process is $frozen.
is_stopped() { [ "$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$frozen/status" 2>/dev/null)" = T ]; }
is_frozen() { frozen=$(apply_process | xargs) && [ -n "$frozen" ] && is_stopped; }

# apply_freeze POINT AFTER NAME [OPTION ...]: starts a run that freezes there.
apply_freeze() {
    (
        export FAILPOINT=$1 FAILPOINT_AFTER=$2 FAILPOINT_SIGNAL=STOP
        shift 2
        apply_program=$BUILD/tests/faults/client-intake apply "$@"
    ) &
    apply_pid=$!
}

# Until then SIGTERM kills it, as it does any program that has just begun.
apply_handles_term() {
    local pid caught
    pid=$(apply_process) && pid=${pid%% *} && caught=$(awk '$1 == "SigCgt:" { print $2 }' "/proc/$pid/status") && [ $((0x$caught >> 14 & 1)) -eq 1 ]
} 2>/dev/null

suite_of_terminated_early() {
    criterion "SIGTERM before the first command, while the recorded replies are read" "the run ends with 2 and gives its lock back"
    scene term-early
    apply_freeze replay-locked 0 whole "${history[@]}"
    check "it has the lock" eventually is_frozen
    check_equal "the lock is there" 1 "$(redis_of EXISTS "$(lock)")"
    kill -TERM "$frozen"
    kill -CONT "$frozen"
    apply_wait
    check_equal "it ends with 2" 2 "$apply_code"
    check_equal "it has decided nothing" "" "$(cat "$suite_folder/apply")"
    check_equal "the lock is given back" 0 "$(redis_of EXISTS "$(lock)")"

    redis_of SET "$(lock)" another PX 3000 >/dev/null
    apply_start whole "${history[@]}"
    check "another run has begun" eventually apply_handles_term
    tenths 3
    kill -TERM "$(apply_process)"
    apply_wait
    check_equal "one that waits for the lock ends with 2, too" 2 "$apply_code"
    redis_of DEL "$(lock)" >/dev/null
}

suite_of_frozen() {
    criterion "a run that was frozen until another one had its lock" "it changes nothing when it wakes up"
    scene frozen
    prepare
    apply_freeze before-commit 2 whole --definitions current "${history[@]}"
    check "it is frozen before its commit" eventually is_frozen
    cp "$suite_folder/apply.log" "$suite_folder/frozen.log"
    lock_ends_soon frozen
    apply_ends "another run ends with 0" 0 whole --definitions current "${history[@]}"
    as_without_interruption "it ends in the same state"
    kill -CONT "$frozen"
    apply_wait
    check_equal "the frozen run ends with 69" 69 "$apply_code"
    as_without_interruption "it has changed nothing"

    scene frozen-claim
    text frozen-1 same@example.com | send
    middle=$(end_of 0)
    text frozen-2 same@example.com | send
    apply_freeze after-claim 0 one "${since[@]}" --to "offset:$middle"
    check "a run is frozen with a claim" eventually is_frozen
    lock_ends_soon frozen-claim
    apply_ends "a run of another name, over another range, ends with 0" 0 other --partition 0 --from "offset:$middle"
    check_equal "the claim does not count" "frozen-2 client.created" "$(outcomes)"
    kill -CONT "$frozen"
    apply_wait
    check_equal "the frozen run goes on, since nothing of its own has changed" 0 "$apply_code"
    check_equal "the email is taken now" "frozen-1 email_taken,frozen-2 client.created" "$(outcomes)"
    check_equal "no email has two clients" "" "$(shared_emails)"

    # Its lock looks as before when it wakes up, so only Kafka can tell it. The open transaction would end by itself after
    # 25 s.
    scene frozen-commit
    text frozen-3 third@example.com | send
    middle=$(end_of 0)
    text frozen-4 fourth@example.com | send
    apply_freeze before-commit 0 one "${since[@]}" --to "offset:$middle"
    check "a run is frozen before its commit" eventually is_frozen
    held=$(redis_of GET "$(lock)")
    lock_ends_soon frozen-commit
    began=$(date +%s%N)
    apply_ends "a run of another name ends with 0" 0 other --partition 0 --from "offset:$middle"
    took_ms=$((($(date +%s%N) - began) / 1000000))
    check "it has not waited for the transaction of the frozen one: $took_ms ms" [ "$took_ms" -lt 15000 ]
    redis_of SET "$(lock)" "$held" PX 10000 >/dev/null
    kill -CONT "$frozen"
    apply_wait
    check "Kafka has refused the commit of the frozen run" grep -qi fenced "$suite_folder/apply.log"
    check_equal "it goes on with a new producer" 0 "$apply_code"
    check_equal "both commands are answered once" "frozen-3 client.created,frozen-4 client.created" "$(outcomes)"
}

suite_of_daemon_in_flight() {
    criterion "a daemon that is about to commit the same email" "one of both gets it"
    for point in before-commit after-claim; do
        scene "daemon-$point"
        text old same@example.com "$pronouns" | send
        # A worker that was frozen for half its session would evaluate its batch again anyway.
        scene_options+=(--set "kafka.consumer.group.id=$live_name-$scene" --set kafka.consumer.session.timeout.ms=60000)
        worker_start daemon "${scene_options[@]}" --set "replies.topic=$live_name.replies"
        old_is_answered() { consume -t "$live_name.replies" | grep "\"workspaceId\":\"$scene\"" | grep -q '"commandId":"old"'; }
        check "$point: the daemon refuses the old command" eventually old_is_answered
        worker_stop daemon
        put_definitions
        until_end=$(end_of 0)
        deadly_signal=STOP worker_program=$BUILD/tests/faults/client-intake
        export FAILPOINT=$point FAILPOINT_AFTER=0 FAILPOINT_SIGNAL=STOP
        text new same@example.com | send 1
        worker_start daemon "${scene_options[@]}" --set "replies.topic=$live_name.replies"
        unset FAILPOINT FAILPOINT_AFTER FAILPOINT_SIGNAL worker_program deadly_signal
        check "$point: the daemon is frozen there" eventually worker_is_stopped daemon
        apply_start it --definitions current "${since[@]}" --to "offset:$until_end"
        if [ "$point" = before-commit ]; then
            sleep 2.5
            check "$point: the replay waits for it" [ -n "$(apply_process)" ]
        else
            apply_wait
        fi
        kill -CONT "${worker_pids[daemon]}"
        [ "$point" != before-commit ] || apply_wait
        check_equal "$point: the replay ends with 0" 0 "$apply_code"
        new_is_answered() { consume -t "$live_name.replies" | grep "\"workspaceId\":\"$scene\"" | grep -q '"commandId":"new"'; }
        check "$point: the daemon answers" eventually new_is_answered
        expected="old email_taken" winner=new
        [ "$point" = before-commit ] || { expected="old client.created" winner=old; }
        check_equal "$point: the replay's answer" "$expected" "$(outcomes)"
        check_equal "$point: no email has two clients" "" "$(shared_emails)"
        check_equal "$point: Redis has the client of the record" "$(id_of "$winner")" \
            "$(redis_of GET "client-email:{$scene}:same@example.com")"
        worker_stop daemon
    done
}

suite_of_daemon_beside() {
    criterion "a daemon beside it, under load, for the same emails" "every email has one client, and the daemon loses nothing"
    scene beside
    emails=$(faults_choose 300 3000)
    scene_options+=(--set "kafka.consumer.group.id=$live_name-beside")
    for ((number = 0; number < emails; number++)); do text "old-$number" "e$number@example.com" "$pronouns"; done | send
    until_end=$(end_of 0)
    worker_start daemon "${scene_options[@]}" --set "replies.topic=$live_name.replies"
    answers() { consume -t "$live_name.replies" | grep '"workspaceId":"beside"' | grep -c "\"commandId\":\"$1-"; }
    all_answer() { [ "$(answers "$1")" = "$emails" ]; }
    check "the daemon refuses the old commands" eventually all_answer old
    lines=$(wc -l <"${worker_logs[daemon]}")
    apply_start it --definitions "beside=tests/live/definitions.json" "${since[@]}" --to "offset:$until_end"
    for ((number = emails - 1; number >= 0; number--)); do text "new-$number" "e$number@example.com"; done | send 1
    apply_wait
    check_equal "the replay ends with 0" 0 "$apply_code"
    check "the daemon answers all" eventually all_answer new
    check_equal "the replay answers all" "$emails" "$(outcomes | tr , "\n" | grep -c .)"
    check_equal "no email has two clients" "" "$(shared_emails)"
    check_equal "every email has one" "$emails" "$(consume -t "$live_name.records-$scene" -f '%k\n' | grep '^beside/' | sort -u | grep -c .)"
    check_equal "Redis has them" "$emails" "$(redis_of EVAL "return #redis.call('KEYS', 'client-email:{beside}:*')" 0)"
    worker_stop daemon
    worker_start daemon "${scene_options[@]}" --set "replies.topic=$live_name.replies"
    text last last@example.com | send 1
    last_is_answered() { consume -t "$live_name.replies" | grep '"workspaceId":"beside"' | grep -q '"commandId":"last"'; }
    check "the daemon goes on after a restart" eventually last_is_answered
    worker_stop daemon
    check_equal "it has never found a loss of data" "" \
        "$(tail -n "+$((lines + 1))" "${worker_logs[daemon]}" | grep -E 'rebuil|catch|caught|epoch' | head -n 3)"
}

suite_of_daemon_behind() {
    local variant
    criterion "a daemon that comes later to earlier commands" "a client that a replay has committed keeps its email"
    for variant in stopped frozen; do
        scene "behind-$variant"
        scene_options+=(--set "kafka.consumer.group.id=$live_name-$scene")
        worker_start daemon "${scene_options[@]}" --set "replies.topic=$live_name.replies"
        text before before@example.com | send
        answered() { consume -t "$live_name.replies" | grep "\"workspaceId\":\"$scene\"" | grep -q "\"commandId\":\"$1\""; }
        check "$variant: the daemon has a position" eventually answered before
        worker_stop daemon
        text early same@example.com | send
        since=(--partition 0 --from "offset:$(end_of 0)")
        text late same@example.com | send
        if [ "$variant" = frozen ]; then
            export FAILPOINT=before-fence FAILPOINT_AFTER=0 FAILPOINT_SIGNAL=STOP
            worker_program=$BUILD/tests/faults/client-intake
            worker_start daemon "${scene_options[@]}" --set "replies.topic=$live_name.replies" --set batch.commands=1
            unset FAILPOINT FAILPOINT_AFTER FAILPOINT_SIGNAL worker_program
            check "$variant: the daemon is frozen before it claims" eventually worker_is_stopped daemon
        fi
        apply_ends "$variant: the replay makes the later client" 0 it "${since[@]}"
        check_equal "$variant: its answer" "late client.created" "$(outcomes)"
        if [ "$variant" = frozen ]; then
            kill -CONT "${worker_pids[daemon]}"
        else
            worker_start daemon "${scene_options[@]}" --set "replies.topic=$live_name.replies"
        fi
        check "$variant: the daemon answers the later command, too" eventually answered late
        check_equal "$variant: the earlier one does not get the email" "early email_taken,late client.created" \
            "$(consume -t "$live_name.replies" | jq -r --arg scene "$scene" 'select(.workspaceId == $scene and .commandId != "before")
                | .commandId + " " + (.error.code // .type)' | sort | paste -sd, -)"
        check_equal "$variant: no email has two clients" "" "$(shared_emails)"
        worker_stop daemon
    done
}

# daemon_in_hand POINT COMMANDS [OPTION ...]: the daemon answers one command, stops, gets these commands, one a line, and is
# frozen there with them in hand.
daemon_in_hand() {
    local point=$1 commands=$2
    shift 2
    scene_options+=(--set "kafka.consumer.group.id=$live_name-$scene" --set kafka.consumer.session.timeout.ms=60000)
    worker_start daemon "${scene_options[@]}" "$@"
    text before before@example.com | send
    check "$scene: the daemon has a position" eventually daemon_has_answered before
    worker_stop daemon
    echo "$commands" | send
    export FAILPOINT=$point FAILPOINT_AFTER=0 FAILPOINT_SIGNAL=STOP
    worker_program=$BUILD/tests/faults/client-intake
    worker_start daemon "${scene_options[@]}" "$@"
    unset FAILPOINT FAILPOINT_AFTER FAILPOINT_SIGNAL worker_program
    check "$scene: the daemon is frozen $point" eventually worker_is_stopped daemon
}

daemon_replies=
daemon_has_answered() { consume -t "$daemon_replies" | grep "\"workspaceId\":\"$scene\"" | grep -q "\"commandId\":\"$1\""; }
daemon_outcomes() {
    consume -t "$daemon_replies" | jq -r --arg scene "$scene" 'select(.workspaceId == $scene and .commandId != "before")
        | .commandId + " " + (.error.code // .type)' | sort | paste -sd, -
}

suite_of_daemon_in_hand() {
    local ids
    criterion "a command that the daemon has claimed and not committed" "its client keeps its email once the replay has committed it, whatever the daemon decides when it evaluates its batch again"
    scene hand-displaced
    daemon_replies=$live_name.replies
    daemon_in_hand after-claim "$(text early same@example.com "$pronouns"; text late same@example.com)" \
        --set "replies.topic=$daemon_replies"
    put_definitions
    apply_ends "the replay makes the later client" 0 it --definitions current --partition 0 --from "offset:$(($(end_of 0) - 1))"
    check_equal "its answer" "late client.created" "$(outcomes)"
    kill -CONT "${worker_pids[daemon]}"
    check "the daemon answers the later command, too" eventually daemon_has_answered late
    check_equal "the earlier one, which is valid by now, does not get the email" "early email_taken,late client.created" "$(daemon_outcomes)"
    check_equal "no email has two clients" "" "$(shared_emails)"
    worker_stop daemon

    scene hand-released
    daemon_replies=$live_name.small-$scene
    live_intake topics create --set "replies.topic=$daemon_replies" >/dev/null || suite_fail "a topic of small replies"
    check "the daemon's reply topic takes small replies only" "$BUILD/tests/faults/topic_config" "$kafka_address" set \
        "$daemon_replies" max.message.bytes=3000
    ids=$(for ((number = 0; number < 60; number++)); do printf ',"%0100d"' "$number"; done)
    daemon_in_hand after-claim "$(text big same@example.com ",\"companyIds\":[${ids:1}]")" --set "replies.topic=$daemon_replies"
    apply_ends "the replay makes the client" 0 it --definitions current --partition 0 --from "offset:$(($(end_of 0) - 1))"
    check_equal "its answer" "big client.created" "$(outcomes)"
    kill -CONT "${worker_pids[daemon]}"
    text other same@example.com | send
    check "the daemon answers another command with that email" eventually daemon_has_answered other
    check_equal "the client has its email, though its reply does not fit" "other email_taken" "$(daemon_outcomes)"
    check_equal "no email has two clients" "" "$(shared_emails)"
    check_equal "Redis has the client of the record" "$(id_of big)" "$(redis_of GET "client-email:{$scene}:same@example.com")"
    check_equal "the missing reply is logged" 1 "$(live_log_count daemon 'the command has none')"
    worker_stop daemon
}

# The replay raises the highest offset of the partition, behind which the daemon has claims that it has not committed.
suite_of_daemon_killed() {
    local ids
    criterion "a daemon that was killed with a claim, in the range of a replay" "the claim gives way to an earlier command, as without a replay"
    scene killed
    daemon_replies=$live_name.replies
    ids=$(for ((number = 0; number < 60; number++)); do printf ',"%0100d"' "$number"; done)
    daemon_in_hand after-claim "$(text early same@example.com "$pronouns"; text late same@example.com ",\"companyIds\":[${ids:1}]")" \
        --set "replies.topic=$daemon_replies" --set kafka.consumer.session.timeout.ms=6000
    worker_kill daemon
    check "the later command has claimed the email" [ "$(redis_of EXISTS "client-email:{$scene}:same@example.com")" = 1 ]
    apply_ends "a replay of another workspace goes over both commands" 0 it --workspace nobody "${since[@]}"
    put_definitions
    check "the later client does not fit any more" "$BUILD/tests/faults/topic_config" "$kafka_address" set \
        "$live_name.records-$scene" cleanup.policy=compact max.message.bytes=3000
    worker_start daemon "${scene_options[@]}" --set "replies.topic=$daemon_replies" --set batch.commands=1
    check "the daemon answers both" eventually daemon_has_answered late
    check_equal "the earlier command gets the email, with a record" "early client.created 1" \
        "$(daemon_outcomes | cut -d, -f1) $(consume -t "$live_name.records-$scene" -f '%k %h\n' | grep -c "^$scene/.*command-id=early,")"
    check_equal "the later one has no record" 0 "$(consume -t "$live_name.records-$scene" -f '%k %h\n' | grep -c "^$scene/.*command-id=late,")"
    worker_stop daemon
}

suite_of_postponed() {
    criterion "messages that are refused in company" "their commands go in smaller transactions, interrupted or not"
    scene roomy
    apply_ends "a run with room ends with 0" 0 whole --definitions current --set batch.commands=400 "${history[@]}"
    state >"$suite_folder/roomy"
    scene postponed
    check "the record topic takes small requests only" "$BUILD/tests/faults/topic_config" "$kafka_address" set \
        "$live_name.records-$scene" cleanup.policy=compact max.message.bytes=12000
    scene_options+=(--set batch.commands=400)
    FAILPOINT=after-commit FAILPOINT_AFTER=1 apply_program=$BUILD/tests/faults/client-intake \
        apply whole --definitions current "${history[@]}" 2>/dev/null
    check_equal "the run is killed between two of them" "failpoint after-commit" "$(tail -n 1 "$suite_folder/apply.log")"
    lock_ends_soon postponed
    done_by_then=$(consume -t "$live_name.again-$scene" | grep -c .)
    check "the first one had 200 commands at most: $done_by_then are answered" [ "$done_by_then" -le 200 ]
    apply_ends "the next run ends with 0" 0 whole --definitions current "${history[@]}"
    as_without_interruption "it ends in the same state" roomy
}

# Redis comes back empty, also without the lock.
suite_of_redis_lost() {
    local way
    criterion "Redis loses everything in the middle of a run" "it is filled again, and the run ends in the same state"
    for way in flushed killed; do
        scene "redis-$way"
        prepare
        before=$(consume -t "$live_name.again-$scene" | grep -c .)
        apply_start whole --definitions current --rate 100 "${history[@]}"
        more_replies_are_there() { [ "$(consume -t "$live_name.again-$scene" | grep -c .)" -gt $((before + 40)) ]; }
        check "$way: replies come" eventually more_replies_are_there
        if [ "$way" = flushed ]; then
            redis_ask FLUSHALL >/dev/null
        else
            redis_kill
            sleep 1
            redis_start --databases "$databases"
        fi
        apply_wait
        check_equal "$way: the run ends with 0" 0 "$apply_code"
        as_without_interruption "$way: it ends in the same state"
        check "$way: it has filled Redis" [ "$(grep -c 'event="Redis is rebuilt"' "$suite_folder/apply.log")" -ge 2 ]
    done
}

suite_of_choice() {
    criterion "a choice of commands" "others are not decided, and what is gone is told"
    scene choice
    apply_ends "a workspace" 0 one --definitions current --workspace ws-1 "${history[@]}"
    check_equal "only its commands are answered" ws-1 "$(consume -t "$live_name.again-$scene" | jq -r .workspaceId | sort -u | xargs)"
    check "others are counted" grep -qE ', [0-9]+ of other workspaces' "$suite_folder/apply"
    "$BUILD/tests/faults/topic_config" "$kafka_address" trim "$live_name.commands" 1 10 || suite_fail "records are deleted"
    apply_ends "offsets that are gone" 3 gone --definitions current --partition 1 --from offset:0 --to offset:20
    check "they are counted" grep -q ', 10 offsets could not be read' "$suite_folder/apply"
    apply_ends "gaps that are allowed" 0 allowed --definitions current --partition 1 --from offset:0 --to offset:20 --allow-gaps

    scene gap
    FAILPOINT=after-commit FAILPOINT_AFTER=1 apply_program=$BUILD/tests/faults/client-intake apply passed --definitions current \
        --partition 1 --from offset:0 --to offset:20 --set batch.commands=2 2>/dev/null
    check_equal "a run is killed behind the gap" "failpoint after-commit" "$(tail -n 1 "$suite_folder/apply.log")"
    lock_ends_soon gap
    apply_ends "the run that goes on tells of the gap, too" 3 passed --definitions current --partition 1 --to offset:20
    check "it counts the same offsets" grep -q ', 10 offsets could not be read' "$suite_folder/apply"
}

suite_of_refused() {
    criterion "what cannot be done" "it is refused before anything is written"
    scene refused
    apply_ends "a name with a blank" 64 "a b"
    apply_ends "at-least-once" 78 it --set delivery.mode=at-least-once
    for topic in commands records definitions dead-letters replies elsewhere nowhere; do
        live_intake replay --apply --name it --replies "$live_name.$topic" >/dev/null 2>&1
        check_equal "replies to the topic $topic" 64 $?
    done
}

suite_of_rebuild() {
    criterion "replay --rebuild" "an empty Redis gets what the topics have"
    scene rebuilt
    prepare
    apply_ends "the records are made" 0 whole --definitions current "${history[@]}"
    redis_of FLUSHDB >/dev/null
    check "an empty Redis is filled" live_intake replay --rebuild "${scene_options[@]}"
    as_without_interruption "it has what the topics have"
    live_intake replay --rebuild "${scene_options[@]}" >"$suite_folder/rebuild" 2>&1
    check_equal "a complete one is left alone" "Redis has everything that the topics have." "$(cat "$suite_folder/rebuild")"

    redis_of FLUSHDB >/dev/null
    redis_of SET client-intake:rebuild another PX 60000 >/dev/null
    "$BUILD/client-intake" replay --config "$live_config" --rebuild "${scene_options[@]}" >"$suite_folder/rebuild" 2>&1 &
    apply_pid=$!
    tenths 20
    check "it waits while another process has the rebuild lock" process_runs "$apply_pid"
    check_equal "it has written nothing" 0 "$(redis_of EVAL "return #redis.call('KEYS', 'client:*')" 0)"
    redis_of DEL client-intake:rebuild >/dev/null
    apply_wait
    check_equal "it ends with 0 when the lock is free" 0 "$apply_code"
    as_without_interruption "it has what the topics have then, too"

    redis_of FLUSHDB >/dev/null
    script -qec "$BUILD/client-intake replay --config $live_config --rebuild ${scene_options[*]}" /dev/null \
        >"$suite_folder/rebuild" 2>&1 </dev/null
    check_equal "on a terminal it ends with 0" 0 $?
    check "a terminal shows its progress" grep -qE '[0-9]+ of [0-9]+ offsets' "$suite_folder/rebuild"
}

# A rebuild that waits for longer than half a minute for the lock of another one, while other scenes run.
suite_of_patience() {
    scene_options=(--set "records.topic=$live_name.records-plain" --set "redis.database=$((databases - 1))")
    redis_ask -n $((databases - 1)) SET client-intake:rebuild another PX 32000 >/dev/null
    live_intake replay --rebuild "${scene_options[@]}" >"$suite_folder/patient" 2>&1 &
    patient=$!
}

suite_of_patience_end() {
    criterion "replay --rebuild beside another one that takes half a minute" "it waits, and fills Redis then"
    wait "$patient"
    check_equal "one that takes longer than half a minute ends with 0, too" "0 Redis has everything that the topics have." \
        "$? $(tail -n 1 "$suite_folder/patient")"
}

# SCENES: a choice of them; the first is what most of the others are compared with. Redis is lost when nobody waits for it.
for scenes in plain ${SCENES:-patience points later_claim strange_claims later_record without_id definitions second_process terminated terminated_early frozen daemon_in_flight daemon_behind daemon_in_hand daemon_killed daemon_beside postponed patience_end redis_lost refused rebuild choice}; do
    "suite_of_$scenes"
done
suite_end

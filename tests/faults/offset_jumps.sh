#!/usr/bin/env bash
# Commands whose producer gave them the offset of another command in the log. Librdkafka goes on from there, so the
# commands between would not be read. Each of them is answered, also while the broker is slow or away, and nothing is verified where nothing is missing.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

LIVE_WORKSPACES=1
LIVE_CHECKS=65
number=0
declare -A log_end=([0]=0 [1]=0)

command_text() {
    printf '{"commandId":"c-%d","workspaceId":"ws-0","givenName":"A","familyName":"B","email":"c%d@example.com"}' "$1" "$1"
}

# send_valid PARTITION COUNT [KCAT OPTION ...]: commands that are to be created.
send_valid() {
    local partition=$1 last=$((number + $2)) first=$number
    shift 2
    for ((; number < last; number++)); do
        command_text "$number"
        echo
    done | kcat -P -b "$kafka_address" -t "$live_name.commands" -p "$partition" "$@" 2>>"$suite_folder/kcat.log"
    number=$last
    for ((; first < last; first++, log_end[$partition]++)); do
        echo "$partition ${log_end[$partition]} c-$first" >>"$suite_folder/expected"
    done
}

# send_transactions PARTITION:COUNT ...: the same, each in a transaction, whose marker takes an offset.
send_transactions() {
    local each partition last
    for each in "$@"; do
        partition=${each%:*} last=$((number + ${each#*:}))
        for ((; number < last; number++, log_end[$partition]++)); do
            echo "$partition ${log_end[$partition]} c-$number" >>"$suite_folder/expected"
            echo "$partition $(command_text "$number")"
        done
        log_end[$partition]=$((log_end[$partition] + 1))
        echo
    done >"$suite_folder/transactions"
    "$BUILD/tests/faults/transactions" "$kafka_address" "$live_name.commands" "$live_name-sender" <"$suite_folder/transactions" \
        2>>"$suite_folder/kcat.log" || suite_fail "transactions are sent" "$(tail -n 1 "$suite_folder/kcat.log")"
    live_settle "$live_name.commands"
}

# send_wrong PARTITION OFFSET ...: one batch of commands at these places of the batch. Each of its offsets gets a reply.
send_wrong() {
    local partition=$1 records=() offset at
    shift
    for offset in "$@"; do
        records+=("$offset=$(command_text "$number")")
        number=$((number + 1))
    done
    at=$("$BUILD/tests/faults/wrong_offsets" "${kafka_address%:*}" "${kafka_address#*:}" "$live_name.commands" "$partition" "${records[@]}")
    check_equal "the broker takes offsets $* in a batch" "${log_end[$partition]}" "$at"
    for offset in "$@"; do
        echo "$partition ${log_end[$partition]} $live_name.commands/$partition/${log_end[$partition]}" >>"$suite_folder/expected"
        log_end[$partition]=$((log_end[$partition] + 1))
    done
}

# "PARTITION OFFSET COMMAND" of each reply.
replies() {
    kcat -C -X fetch.wait.max.ms=10 -b "$kafka_address" -t "$live_name.replies" -o beginning -e -q -X isolation.level=read_committed -f '%s\n' 2>/dev/null \
        | sed -n 's/.*"commandId":"\([^"]*\)".*"partition":\([0-9]*\),"offset":\([0-9]*\)}.*/\2 \3 \1/p'
}
all_are_answered() {
    replies | sort -n -k 1,1 -k 2,2 >"$suite_folder/replies"
    [ "$(wc -l <"$suite_folder/replies")" -ge "$(wc -l <"$suite_folder/expected")" ]
}
answered() {
    sort -n -k 1,1 -k 2,2 "$suite_folder/expected" >"$suite_folder/all"
    check "all are answered" until_true 60 all_are_answered
    check "each once" diff "$suite_folder/all" "$suite_folder/replies"
}

# One batch of the log in each fetch: so each wrong offset is the last one of its fetch.
settings=(--set worker.threads=1 --set batch.commands=10 --set kafka.consumer.max.partition.fetch.bytes=1)

faults_begin 2
: >"$suite_folder/expected"

criterion "no offset is missing" "nothing is read twice"
send_valid 0 30
send_valid 1 30
faults_static_worker_start one "${settings[@]}"
answered
check_equal "no batch was read again" 0 "$(faults_metric one offset_probes_total)"
worker_stop one

criterion "jumps in a backlog of two partitions: into the log, from the committed offset, at the end of a batch, and over transactions" \
    "the commands that were jumped over are answered once, and so is each offset of the batch"
for partition in 0 1; do
    send_wrong "$partition" 3
    send_valid "$partition" 1
    send_valid "$partition" 10
    send_wrong "$partition" 5
    send_valid "$partition" 20
done
send_wrong 0 2 9
send_valid 0 5
send_valid 0 5
# The batch's other offsets are right, or in its range.
send_wrong 0 1 2 3
send_valid 0 1
send_valid 0 4
send_wrong 0 1
send_valid 0 3
# Over a transaction, and into one.
send_wrong 0 8
send_transactions 0:5
send_valid 0 5
send_transactions 0:4
send_valid 0 1
send_wrong 0 2
send_transactions 0:5
send_valid 0 2
faults_static_worker_start one "${settings[@]}"
answered

criterion "jumps while commands come" "the same"
for round in $(seq "$(faults_choose 3 20)"); do
    send_valid 1 2
    send_wrong 1 $((round % 4 + 1))
    send_valid 1 1
    send_valid 0 5
    send_valid 1 3
done
answered

criterion "markers of a transactional producer" "two reads for each at most, and no command is put off for long"
before=$(faults_metric one offset_probes_total)
send_transactions 1:3 0:3 1:3 0:3 1:3 0:3 1:3 0:3
send_valid 0 1
send_valid 1 1
answered
probes=$(($(faults_metric one offset_probes_total) - before))
check "$probes batches were read again for 8 markers" [ "$probes" -gt 0 ] && check "$probes are few" [ "$probes" -le 16 ]
worker_stop one

criterion "a wrong offset directly behind a batch that is passed in two parts, by a slow worker" \
    "each offset is answered once"
places=(1000)
for place in $(seq 18); do places+=("$place"); done
send_wrong 0 "${places[@]}"
send_wrong 0 5
send_valid 0 10
proxy_tell redis delay 60 # so that the log is compared before each batch
faults_static_worker_start one "${settings[@]}"
answered
proxy_tell redis pass
worker_stop one

criterion "a jump behind more short transactions than are verified at a time" \
    "the commands that were jumped over are answered once"
send_valid 0 1
send_transactions 0:1 0:1 0:1 0:1 0:1 0:1 0:1 0:1 0:1 0:1 0:1
send_valid 0 1 # otherwise the last marker is answered, too
send_wrong 0 20
send_valid 0 30
proxy_tell redis delay 100 # so that all of this is fetched when the second batch is filled
faults_static_worker_start one "${settings[@]}" --set batch.commands=40
answered
proxy_tell redis pass
worker_stop one

criterion "a short jump behind so many, in one response with the commands that it leads over" \
    "the commands that were jumped over are answered once"
send_valid 0 1
send_transactions 0:1 0:1 0:1 0:1 0:1 0:1 0:1 0:1 0:1 0:1 0:1
send_valid 0 1
send_wrong 0 3
send_valid 0 30
proxy_tell redis delay 100
faults_static_worker_start one "${settings[@]}" --set batch.commands=60 --set kafka.consumer.max.partition.fetch.bytes=1048576
answered
proxy_tell redis pass
worker_stop one

# transaction_open NAME [OPTION ...]: what is written to $transaction goes to partition 0 in a transaction of this name, whose
# producer is $stranger.
transaction_open() {
    mkfifo "$suite_folder/$1"
    kcat -P -b "$kafka_address" -t "$live_name.commands" -p 0 -X transactional.id="$live_name-$1" -X linger.ms=0 "${@:2}" \
        <"$suite_folder/$1" >>"$suite_folder/kcat.log" 2>&1 &
    stranger=$!
    exec {transaction}>"$suite_folder/$1"
}

criterion "a jump into a long transaction that was aborted" "each offset of its batch is answered once"
log_ends_behind() { # PARTITION OFFSET: the end for a reader of uncommitted messages
    [ "$(kcat -Q -b "$kafka_address" -t "$live_name.commands:$1:-1" -X isolation.level=read_uncommitted 2>/dev/null \
        | sed 's/.*offset //')" -ge "$2" ]
}
aborted=3000 # batches of the log
send_wrong 0 3 1
transaction_open sender -X batch.num.messages=1
# kcat reads blocks of 1024 bytes; the line behind has no end, so it is not sent.
{ seq "$aborted"; printf '%2048s' ''; } >&"$transaction"
check "the transaction is long" until_true 60 log_ends_behind 0 $((log_end[0] + aborted))
kill -KILL "$stranger"
wait "$stranger" 2>/dev/null
exec {transaction}>&-
log_end[0]=$((log_end[0] + aborted + 1))
send_transactions 0:2 # its producer aborts the one before
send_valid 0 3
faults_static_worker_start one "${settings[@]}"
answered
worker_stop one

criterion "a jump into a transaction that stays open" "what stands in front of the transaction is answered meanwhile"
send_wrong 0 7 1
send_valid 0 3
transaction_open open -X transaction.timeout.ms=600000
open=("$number" "${log_end[0]}")
for place in $(seq 5); do
    printf '%1100s%s\n' '' "$(command_text "$number")"
    number=$((number + 1))
done >&"$transaction"
check "the transaction is open" until_true 30 log_ends_behind 0 $((log_end[0] + 4))
eval "faults_static_worker_start one \"\${settings[@]}\" $transaction>&-" # without the pipe, whose end ends the transaction
answered
check "the transaction is still open" kill -0 "$stranger"
exec {transaction}>&-
wait "$stranger" || suite_fail "the transaction is committed"
for place in $(seq 0 4); do
    echo "0 $((open[1] + place)) c-$((open[0] + place))" >>"$suite_folder/expected"
done
log_end[0]=$((log_end[0] + 6))
answered
send_valid 0 3
answered
worker_stop one

criterion "a broker that is slow, and then away, while offsets are verified" \
    "commands wait, which is logged, and each is answered once"
commands_wait() { grep -q "verifying offsets failing; commands wait" "${worker_logs[one]}"; }
faults_static_worker_start one "${settings[@]}"
for partition in 0 1; do send_valid "$partition" 5; done
answered
proxy_tell kafka answer 1 delay 2200 # longer than a verification may take unlogged
for partition in 0 1; do
    send_wrong "$partition" 3 1
    send_transactions "$partition:4"
    send_valid "$partition" 1
    send_wrong "$partition" 4
    send_valid "$partition" 8
done
check "the log tells that commands wait" until_true 60 commands_wait
proxy_tell kafka refuse
tenths 40
proxy_tell kafka pass
answered
offsets_are_verified() { grep -q "offsets verified again" "${worker_logs[one]}"; }
check "and that they go on" until_true 30 offsets_are_verified
check "nobody takes the log for a replaced one" [ "$(cat "$suite_folder"/*.log | grep -c "log replaced")" -eq 0 ]
worker_stop one
live_compare_schemas
suite_end

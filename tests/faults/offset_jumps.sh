#!/usr/bin/env bash
# Commands whose producer gave them the offset of another command in the log. Librdkafka goes on from there, so the
# commands between would not be read. Each of them is answered, and nothing is verified where nothing is missing.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

LIVE_WORKSPACES=1
LIVE_CHECKS=32
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

# The same in a transaction, whose marker takes an offset.
send_transaction() {
    send_valid "$1" "$2" -X "transactional.id=$live_name-sender"
    live_settle "$live_name.commands"
    log_end[$1]=$((log_end[$1] + 1))
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

live_begin 2
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
send_transaction 0 5
send_valid 0 5
send_transaction 0 4
send_valid 0 1
send_wrong 0 2
send_transaction 0 5
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
for round in $(seq 8); do
    send_transaction $((round % 2)) 3
done
send_valid 0 1
send_valid 1 1
answered
probes=$(($(faults_metric one offset_probes_total) - before))
check "$probes batches were read again for 8 markers" [ "$probes" -gt 0 ] && check "$probes are few" [ "$probes" -le 16 ]
check "nobody takes the log for a replaced one" [ "$(cat "$suite_folder"/*.log | grep -c "log replaced")" -eq 0 ]
worker_stop one
suite_end

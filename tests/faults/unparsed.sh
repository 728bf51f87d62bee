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
LIVE_CHECKS=35
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

letters() {
    kcat -C -X fetch.wait.max.ms=10 -b "$kafka_address" -t "$live_name.dead-letters" -o beginning -e -q \
        -X isolation.level=read_committed -f '%h\n' 2>/dev/null | grep -c 'dlq-lost=key, value, headers'
}
check_equal "their dead letters say that nothing could be read" \
    "$(($(grep -c too_large "$suite_folder/expected") - 1))" "$(letters)" # the one with a bad header has the rest

criterion "the same at the end of the log, while a worker waits" "they are answered, and so is what comes then"
send_batch good value
answered 20
send_valid 3
answered 20
send_batch key
answered 20

criterion "thousands of them in one batch" "it stops nothing: behind 32 of them all the rest of the batch is answered with too_large"
words=()
for ((count = 0; count < $(faults_choose 3000 7000); count++)); do words+=(key); done
send_batch "${words[@]}" lost
send_valid 3
answered 60
words=()
for ((count = 0; count < $(faults_choose 0 32); count++)); do words+=(key good); done
for ((count = 0; count < $(faults_choose 40 200); count++)); do words+=(key); done
send_batch "${words[@]}" lost lost
send_valid 3
answered 120

criterion "an aborted transaction of many batches, then a command that cannot be parsed" "nothing of the transaction is answered"
worker_stop one
mkfifo "$suite_folder/transaction"
kcat -P -b "$kafka_address" -t "$live_name.commands" -p 0 -X transactional.id="$live_name-stranger" \
    -X batch.num.messages=5 -X linger.ms=0 <"$suite_folder/transaction" >"$suite_folder/stranger" 2>&1 &
stranger=$!
exec {transaction}>"$suite_folder/transaction"
aborted=$(faults_choose 3000 30000)
seq "$aborted" >&"$transaction"
end_of_log() { kcat -Q -b "$kafka_address" -X isolation.level=read_uncommitted -t "$live_name.commands:0:-1" 2>/dev/null | sed 's/.*offset //'; }
is_sent() { [ "$(end_of_log)" -ge $((log_end + aborted * 9 / 10)) ]; } # kcat still waits for the rest of its buffer
check "the transaction is sent" until_true 30 is_sent
kill -KILL "$stranger"
wait "$stranger" 2>/dev/null
exec {transaction}>&-
# The next producer of that id aborts it.
"$BUILD/tests/faults/transactions" "$kafka_address" "$live_name.elsewhere" "$live_name-stranger" </dev/null \
    2>>"$suite_folder/stranger"
log_end=$(end_of_log)
send_batch value good
send_valid 3
static_worker_start one "${settings[@]}"
answered 40

criterion "a worker that is killed in between" "each command is answered once, in its place"
worker_stop one
for point in $(faults_choose after-commit "filled before-send in-send after-send before-commit after-commit"); do
    send_valid 4
    send_batch key good
    send_valid 9
    deadly_worker_start one "$point" 2 "${settings[@]}"
    deadly_worker_dies one "$point" 60
done
static_worker_start one "${settings[@]}"
answered 60
check "nobody takes the log for a replaced one" [ "$(cat "$suite_folder"/*.log | grep -c "log replaced")" -eq 0 ]
check "no line of librdkafka's debugging is logged" [ "$(cat "$suite_folder"/*.log | grep -cE "PROTOUFLOW|facility=(FETCH|MSG)")" -eq 0 ]
worker_stop one

criterion "a replay" "it decides all commands as the worker did"
check "it finds no difference" eval 'live_intake replay >"$suite_folder/replayed" 2>&1'
check_equal "it has decided each of them" "$(wc -l <"$suite_folder/expected")" \
    "$(sed -n 's/^Commands decided again: \([0-9]*\), the same.*/\1/p' "$suite_folder/replayed")"
criterion "a batch with a wrong offset in front of a command that cannot be parsed" "each offset is answered once; a replay goes on behind it"
static_worker_start one "${settings[@]}"
at=$("$BUILD/tests/faults/wrong_offsets" "${kafka_address%:*}" "${kafka_address#*:}" "$live_name.commands" 0 \
    "0=$(command_text "$number")" "5=$(command_text $((number + 1)))")
check_equal "the broker takes the batch" "$log_end" "$at"
number=$((number + 2))
expect created
expect too_large
send_batch key
send_valid 3
answered 40
worker_stop one
live_intake replay >"$suite_folder/replayed" 2>&1
check_equal "a replay has read all but the batch" 3 $?
check "it names the batch" grep -q "from $((log_end - 5)) to $((log_end - 4)) (wrong offsets)" "$suite_folder/replayed"

live_compare_schemas
suite_end

#!/usr/bin/env bash
# Poison: huge commands among small ones, and a partition of garbage. Everything is answered, the other partitions are not
# held up, and memory stays within its limit.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
. tests/lib/memory.sh
. tests/lib/poison.sh

LIVE_WORKSPACES=8
LIVE_CHECKS=41
LIVE_COMPRESSION=producer # the broker takes compressed batches of any size
memory_mib=512 # limits.memory_bytes, by default
limit=262144   # limits.command_bytes, by default
garbage=$(faults_choose 40000 400000)

worker() {
    worker_start one "$@"
    memory_watch "${worker_pids[one]}" "$suite_folder/memory"
}
memory_is_bounded() {
    memory_stays_below "$1" "${worker_pids[one]}" "$memory_mib"
}
answered() {
    check "$1 are answered" oracle await 90
}

live_begin 6
poison_definitions
topics_allow 20000000 dead-letters

criterion "huge commands among small ones" "up to the limit they are judged like any other, over it they are too_large and a dead letter, and $memory_mib MiB are enough"
worker
produce_along 0 5000 --rate 1500
poison text created 2 20 $((limit - 1000))
poison padded created 1 20 "$limit"
poison padded too_large 1 20 $((limit + 1))
poison elements validation_failed 3 20 $((limit - 1000))
poison members validation_failed 3 20 $((limit - 1000))
poison garbage malformed_json 4 20 "$limit"
poison garbage too_large 4 20 900000
poison padded too_large 5 5 15000000 --compress gzip # a thousandth of it, as the broker counts
produce_wait
answered "huge commands and the small ones beside them"
memory_is_bounded "memory with huge commands"

# Replies that are a hundred times their command: as many violations as a reply lists.
poison elements validation_failed 3 "$(faults_choose 5000 30000)" 400
answered "commands that are all wrong"
memory_is_bounded "memory with long replies to short commands"

criterion "a partition of garbage at full speed" "each value is one malformed_json and one dead letter; a command of another partition waits less than four fifths of the time that the garbage takes, or 3 s"
begun_ms=$(date +%s%3N)
produce_along 5000 5000 --rate 1500
sleep 1
poison garbage malformed_json 0 "$garbage" 30
produce_wait
answered "garbage and the commands of the other partitions"
memory_is_bounded "memory with garbage"

# "partition offset time" of the commands and of their answers; those of the first part do not count.
kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$live_name.commands" -o beginning -e -q -f '%p %o %T\n' >"$suite_folder/asked"
for topic in replies elsewhere; do
    kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$live_name.$topic" -o beginning -e -q -f '%T %s\n'
done | grep -oE '^[0-9]+ |"partition":[0-9]+,"offset":[0-9]+\}' \
    | awk -F '[:,}]' '/^[0-9]/ { time = $1 } /^"/ { print $2, $4, time }' >"$suite_folder/answers"
awk -v begun="$begun_ms" '
     NR == FNR { asked[$1 " " $2] = $3; next }
     { waited = asked[$1 " " $2] < begun ? 0 : $3 - asked[$1 " " $2] }
     $1 == 0 && waited > garbage { garbage = waited }
     $1 != 0 && waited > other { other = waited }
     END { print garbage + 0, other + 0, FNR }' "$suite_folder/asked" "$suite_folder/answers" >"$suite_folder/waited"
read -r garbage_ms other_ms answers <"$suite_folder/waited"
check_equal "every answer was timed" "$live_sent" "$answers"
longest=$((garbage_ms > 3000 ? garbage_ms : 3000))
check "the other partitions are not held up: $other_ms ms at most, the garbage $garbage_ms ms" [ "$other_ms" -lt "$longest" ]
worker_stop one

# With all of them in one batch, their errors and replies would take 310 MiB.
criterion "a backlog of small commands with a hundred errors each" "a worker has 300 MiB at most, since a batch ends where its errors take too much"
poison names validation_failed 2 5000 800
worker --set kafka.consumer.max.partition.fetch.bytes=8388608
answered "commands with a hundred errors"
memory_stays_below "memory with a hundred errors in each command" "${worker_pids[one]}" 300
worker_stop one

criterion "many small commands with the id of one large client" "each is a command_id_conflict, $memory_mib MiB are enough, though all of them are in one batch"
poison conflict command_id_conflict 2 4000 100
poison padded created 2 100 200
worker
answered "conflicts and the commands behind them"
memory_is_bounded "memory with conflicts"
faults_all || live_end 60
worker_stop one

criterion "the same with limits.command_bytes = 4 MiB" "a client of 4 MiB is stored, and $memory_mib MiB are enough"
topics_allow 20000000 commands replies elsewhere records
worker --set limits.command_bytes=4MiB --set worker.threads=2
poison padded created 0 2000 200
poison padded created 1 10 4194304
poison padded too_large 1 10 4194305
poison text created 2 10 4190000
poison elements validation_failed 3 10 4190000
poison members validation_failed 3 10 4190000
poison garbage too_large 4 3 15000000
poison padded created 5 2000 200
answered "commands of 4 MiB"
memory_is_bounded "memory with commands of 4 MiB"
live_end 60

#!/usr/bin/env bash
# Redis is flushed in the middle of a great load. Another worker, with a Redis and topics of its own, then answers the same
# commands undisturbed: both ends are the same, byte for byte.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

commands=$(faults_choose 20000 1000000)
patience=$(faults_choose 120 400)

answered_half() {
    faults_answered_more_than flushed $((commands / 2))
}

# in_order NAME: the state that the worker of that name left, in an order of its own.
in_order() {
    oracle state "$suite_folder/$1.state" || suite_fail "the state of $1 is written"
    LC_ALL=C sort -o "$suite_folder/$1.state" "$suite_folder/$1.state"
}

live_begin 6
criterion "Redis is flushed in the midst of $commands commands" \
    "the same end, byte for byte, as without the fault; no email given twice"
produce 0 "$commands" --no-races
faults_ports[flushed]=$(free_port)
worker_start flushed --set "http.listen=127.0.0.1:${faults_ports[flushed]}"
check "half is answered within $patience s" until_true "$patience" answered_half
redis_ask FLUSHALL >/dev/null
check "all is answered within $patience s" oracle await "$patience"
worker_stop flushed
grep -h 'Redis is rebuilt' "${worker_logs[flushed]}" | tail -n 1 \
    | sed -E 's/.* clients=([0-9]+) .* ms=([0-9]+) clients_per_second=([0-9]+).*/rebuilt: \1 clients in \2 ms, \3 a second/'
check "Redis was rebuilt with many clients" grep -qE 'Redis is rebuilt"? clients=[0-9]{4,} ' "${worker_logs[flushed]}"
in_order flushed

# The other one: the same commands, everything else of its own.
flushed_options=("${oracle_options[@]}") flushed_socket=$redis_socket
mv "$suite_folder/redis" "$suite_folder/redis-flushed"
redis_ask_flushed() { redis-cli -s "$suite_folder/redis-flushed/socket" "$@"; }
redis_start || suite_end
own=(--set "kafka.consumer.group.id=$live_name-calm" --set "replies.topic=$live_name.calm-replies"
    --set "records.topic=$live_name.calm-records" --set "dead_letters.topic=$live_name.calm-dead-letters")
check "topics of its own are made" live_intake topics create "${own[@]}"
worker_start calm "${own[@]}" --set replies.allowed=
oracle_options=(--bootstrap "$kafka_address" --commands "$live_name.commands" --replies "$live_name.calm-replies"
    --records "$live_name.calm-records" --dead-letters "$live_name.calm-dead-letters" --redis "$redis_socket"
    --group "$live_name-calm")
check "the other answers all within $patience s" oracle await "$patience"
worker_stop calm
in_order calm
check "there is much to compare" [ "$(wc -l <"$suite_folder/calm.state")" -gt "$commands" ]
if cmp -s "$suite_folder/flushed.state" "$suite_folder/calm.state"; then
    suite_pass "both ends are the same, byte for byte"
else
    suite_fail "both ends are the same, byte for byte" \
        "$(diff "$suite_folder/flushed.state" "$suite_folder/calm.state" | head -n 6 | cut -c 1-300)"
fi

# The oracle checks the flushed one, as in every run.
oracle_options=("${flushed_options[@]}" --redis "$suite_folder/redis-flushed/socket")
live_judge
suite_end

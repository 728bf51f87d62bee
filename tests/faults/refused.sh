#!/usr/bin/env bash
# What the broker refuses for its size: a client that does not fit into the record topic or the reply topic, a dead letter
# that does not fit into its own. The command is answered with too_large, nothing of it stays, its partition goes on, and
# no other command is touched.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
. tests/lib/memory.sh
. tests/lib/poison.sh

LIVE_WORKSPACES=4
LIVE_CHECKS=106
one_mib=1048588 # the broker's default
roomy=20000000
big=2000000 # of one command

worker() {
    worker_start one --set worker.threads=1 --set limits.command_bytes=4MiB "$@"
}

# numbered FIRST COMMAND ...: poison with numbers from there on, to meet those of earlier commands.
numbered() {
    local kept=$poison_number
    poison_number=$1
    shift
    "$@"
    poison_number=$kept
}

# Big clients that are refused, small ones before, between and after, all in one partition and in one batch; two commands
# with the emails of refused ones, which are free; and a refused command again.
send_mixture() {
    local first
    poison padded created 0 200 200
    first=$poison_number
    poison text too_large 0 3 "$big"
    poison padded created 0 200 200
    numbered "$first" poison again too_large 0 1 "$big"
    numbered "$first" poison successor created 0 2 200
    poison padded created 0 200 200
    poison padded created 1 200 200
    poison text too_large 1 1 "$big"
    poison padded created 1 200 200
}

# The code, the message and whether it is worth another try, of every refusal.
refusals() {
    kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$live_name.replies" -o beginning -e -q -X isolation.level=read_committed \
        -X fetch.message.max.bytes=30000000 -X receive.message.max.bytes=100000000 \
        | jq -r 'select(.error.code == "too_large") | [.error.message, .error.retryable] | @tsv'
}

# refused_for WHAT MEMBERS: send_mixture with a topic that takes 1 MiB only.
refused_for() {
    local before
    before=$(refusals | wc -l)
    send_mixture
    worker
    check "$1: every command is answered" oracle await 90
    worker_stop one
    check_equal "$1: five commands are refused" $((before + 5)) "$(refusals | wc -l)"
    check_counts oracle oracle judge
}

live_begin 6
poison_definitions
topics_allow "$roomy"

criterion "a client that does not fit into the record topic" "too_large, one dead letter, nothing in Redis or among the records; the partition goes on, the client's email is free"
topics_allow "$one_mib" records
refused_for "record"
check_equal "refusals say that the client does not fit, and that it is no use to try again" "" \
    "$(refusals | grep -vE 'does not fit.*false$')"
topics_allow "$roomy" records

criterion "a client that does not fit into a segment of the record topic, though it is short enough" "the same"
check "the record topic has segments of 1 MiB" topic_config set "$live_name.records" cleanup.policy=compact \
    "max.message.bytes=$roomy" segment.bytes=1048576
refused_for "segment"
topics_allow "$roomy" records

criterion "messages that fit, though librdkafka's batches of them do not" "nothing is refused"
topics_allow 10000 replies elsewhere records dead-letters
poison padded created 3 2000 200
poison garbage malformed_json 3 2000 30
worker
check "what fits is answered" oracle await 90
worker_stop one
check_counts oracle oracle judge

faults_all || { live_compare_schemas; suite_end; }

criterion "a client that does not fit into the reply topic" "the same"
topics_allow "$roomy" replies elsewhere records dead-letters
topics_allow "$one_mib" replies
refused_for "reply"
check_equal "refusals say that the client does not fit, and that it is no use to try again" "" \
    "$(refusals | grep -vE 'does not fit.*false$')"
topics_allow "$roomy" replies

criterion "a duplicate whose client does not fit into the reply topic any more" "too_large, and the client stays"
first=$poison_number
poison text created 2 1 "$big"
topics_allow "$roomy" replies elsewhere records dead-letters
worker
check "the client is created" oracle await 60
topics_allow "$one_mib" replies
numbered "$first" poison again too_large 2 1 "$big"
poison padded created 2 100 200
check "the duplicate is answered" oracle await 60
worker_stop one
check_counts oracle oracle judge

criterion "a dead letter that does not fit into its topic" "the command is answered, and the partition goes on; no other dead letter is missing"
topics_allow "$one_mib" replies elsewhere records dead-letters
poison garbage malformed_json 4 100 30
poison garbage too_large 4 2 5000000
poison text too_large 4 2 "$big"
poison garbage malformed_json 4 100 30
port=$(free_port)
worker --set "http.listen=127.0.0.1:$port"
check "they are answered" oracle await 90
check_equal "each is logged with its place" 4 "$(live_log_count one "dead letter refused.*partition=4 ")"
aborted() {
    curl --silent --max-time 2 "http://127.0.0.1:$port/metrics" \
        | awk '$1 == "client_intake_transactions_total{result=\"aborted\"}" { print $2 }'
}
check "the topic has refused them in transactions that were undone" [ "$(aborted)" -ge 1 ]
before=$(aborted)
for round in 1 2; do
    poison garbage too_large 4 1 5000000
    check "round $round: another one is answered" oracle await 60
done
check_equal "the dead-letter topic's limit is remembered: none of them costs a transaction" "$before" "$(aborted)"
worker_stop one
oracle judge >"$suite_folder/verdict"
check_equal "nothing but six dead letters is missing" \
    "NOT OK: every malformed or too large command is a dead letter (6 violations)" \
    "$(grep '^NOT OK' "$suite_folder/verdict")"
live_compare_schemas
suite_end

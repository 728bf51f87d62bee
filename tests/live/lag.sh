#!/usr/bin/env bash
# Lag, in commands and in seconds: 0 when nothing is left to answer, for the metrics and for those who compare the group's
# committed offsets with the ends of the partitions, as autoscalers do.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
. tests/lib/poison.sh

LIVE_WORKSPACES=1
LIVE_CHECKS=26
number=0

# send COUNT PARTITION [KCAT OPTION ...]: commands with ids and emails of their own.
send() {
    local from=$number
    number=$((number + $1))
    for ((; from < number; from++)); do
        echo "{\"commandId\":\"c-$from\",\"workspaceId\":\"ws-0\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"c-$from@example.com\"}"
    done | kcat -P -b "$kafka_address" -t "$live_name.commands" -p "$2" "${@:3}" 2>"$suite_folder/kcat" \
        || suite_fail "commands are sent" "$(cat "$suite_folder/kcat")"
}

# A transaction: a marker follows the commands.
send_transaction() {
    send "$1" "$2" -X "transactional.id=$live_name-sender"
}

metric_is() {
    [ "$(curl --silent --max-time 2 "http://$(faults_address one)/metrics" \
        | awk -v name="client_intake_$1{topic=\"$live_name.commands\",partition=\"$2\"}" '$1 == name { print $2 }')" = "$3" ]
}

# no_lag PARTITION
no_lag() {
    metric_is consumer_lag "$1" 0 && metric_is oldest_unanswered_seconds "$1" 0.000
}

no_lags() {
    no_lag 0 && no_lag 1 && no_lag 2
}

# Each partition has a committed offset, and it is the partition's end.
all_committed() {
    topic_config offsets "$live_name" "$live_name.commands" 3 \
        | awk '$2 == $3 && $2 >= 0 { good++ } END { exit good != 3 }'
}

# seconds_are PARTITION LEAST MOST
seconds_are() {
    local seconds
    seconds=$(curl --silent --max-time 2 "http://$(faults_address one)/metrics" \
        | awk -v name="client_intake_oldest_unanswered_seconds{topic=\"$live_name.commands\",partition=\"$1\"}" '$1 == name { print $2 }')
    awk -v seconds="$seconds" -v least="$2" -v most="$3" 'BEGIN { exit !(seconds != "" && seconds >= least && seconds <= most) }'
}

check_no_lag() {
    check "$1: no lag" eventually no_lags
    check "$1: the end of every partition is committed" eventually all_committed
}

worker() {
    faults_worker_start one --set worker.threads=1 --set redis.timeout=500ms "$@"
}

lags_of() {
    worker --set "delivery.mode=$1"
    check_no_lag "$1, no commands yet"
    send 20 0
    send_transaction 10 1
    check "$1: commands get replies" eventually faults_answered_more_than one 29
    check_no_lag "$1, behind commands and a marker"
    send_transaction 1 1
    send_transaction 1 1
    check "$1: commands get replies" eventually faults_answered_more_than one 31
    check_no_lag "$1, behind several markers"
    kill -STOP "$redis_pid"
    send 5 0
    send_transaction 3 2
    check "$1, Redis is away: lag of the commands" eventually metric_is consumer_lag 0 5
    check "$1, Redis is away: their age grows" eventually seconds_are 0 3 20
    check "$1, Redis is away: so does that of another partition" eventually seconds_are 2 3 20
    check "$1, Redis is away: a partition without commands has none" no_lag 1
    kill -CONT "$redis_pid"
    check "$1: commands get replies" eventually faults_answered_more_than one 39
    check_no_lag "$1, Redis is back"
    worker_stop one
    worker --set "delivery.mode=$1"
    check_no_lag "$1, started again"
    check_equal "$1, started again: Redis is complete" 0 "$(faults_metric one rebuilds_total)"
    worker_stop one
}

live_begin 3
check "partition 2 ends with a marker before the worker starts" send_transaction 1 2
worker
check "its command gets a reply" eventually faults_answered_more_than one 0
check_no_lag "a marker from before"
worker_stop one
lags_of exactly-once
lags_of at-least-once

# Partitions that come to a worker while Redis is away have a lag, too: the worker asks the group where they stand.
partitions_of() {
    curl --silent --max-time 2 "http://$(faults_address "$1")/metrics" | grep -c '^client_intake_consumer_lag{'
}
both_have_partitions() {
    [ "$(partitions_of one)" -ge 1 ] && [ "$(partitions_of two)" -ge 1 ]
}
all_lag() {
    metric_is consumer_lag 0 "$1" && metric_is consumer_lag 1 "$1" && metric_is consumer_lag 2 "$1"
}
worker
faults_worker_start two --set worker.threads=1 --set redis.timeout=500ms
check "two workers share the partitions" until_true 40 both_have_partitions
kill -STOP "$redis_pid"
for partition in 0 1 2; do send 4 "$partition"; done
worker_stop two
check "Redis is away: lag of partitions that were just assigned" until_true 40 all_lag 4
check "Redis is away: their age" until_true 20 seconds_are 0 1 60
kill -CONT "$redis_pid"
check_no_lag "Redis is back, with one worker"
worker_stop one
live_compare_schemas
suite_end

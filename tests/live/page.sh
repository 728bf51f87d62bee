#!/usr/bin/env bash
# The status page of a worker under load, in a headless Chromium: it agrees with /metrics, and its top line tells what is wrong
# where something is: Redis full, a producer that sends garbage, a slow broker, a noisy workspace, a partition that waits for
# definitions. tests/page.sh has the rest of the page. The screenshots are in build/tests/output.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

LIVE_WORKSPACES=8
LIVE_CHECKS=75
end_txn=26 # Kafka's request that ends a transaction
output=$BUILD/tests/output
mkdir -p "$output"

live_before_kafka() {
    command -v chromium-headless-shell chromium >/dev/null && return
    REQUIRE_KAFKA= suite_skip "$LIVE_CHECKS" "no chromium-headless-shell here"
    return 1
}

# looks WHAT NAME [OPTION|PATTERN ...]: opens the page; NAME is that of the screenshot.
looks() {
    check_counts "$1" timeout 400 python3 tests/page/look.py "http://$(faults_address one)/" "$output/live-$2" "${@:3}"
}

set_redis() {
    check_equal "Redis: $1 is '$2'" OK "$(redis_ask CONFIG SET "$1" "$2")"
}

# commands WORKSPACE FIRST COUNT: valid ones without custom fields, as lines.
commands() {
    local number
    for ((number = $2; number < $2 + $3; number++)); do
        echo "{\"commandId\":\"page-$number\",\"workspaceId\":\"$1\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"page$number@example.com\"}"
    done
}

# to_partition PARTITION: sends lines.
to_partition() {
    kcat -P -b "$kafka_address" -t "$live_name.commands" -p "$1"
}

answers_all() {
    eventually eval '[ "$(faults_metric one consumer_lag)" -eq 0 ] && [ "$(faults_metric one ready)" -eq 1 ]'
}

logs() {
    [ "$(live_log_count one "$1")" -ge 1 ]
}

faults_begin 3
faults_worker_start one
faults_load 300
check "commands get replies" eventually faults_answered_more_than one 500
faults_load_end
faults_load 300 30
looks "under load" load --agree --variants 'All is well: [\d.,]+ commands a second, p99 latency' 'WORKER_(READY|IN_BATCH)' 'ws-\d'
faults_load_end
check "every command gets a reply" answers_all

set_redis maxmemory 1mb
faults_load 100
looks "Redis is full" redis-full 'Redis is full and refuses to write' "OOM command not allowed" 'See “Redis is full” in docs/operations.md. Since \d\d:\d\d:\d\d UTC'
set_redis maxmemory 0
faults_load_end
check "it goes on" answers_all
looks "Redis has room again" redis-back 'All is well' 'from\s+\d\d:\d\d:\d\d UTC to \d\d:\d\d:\d\d UTC'

seq 400 | sed 's/^/not JSON /' | to_partition 1
check "garbage gets replies" answers_all
looks "a producer sends garbage" garbage 'A producer sends garbage: \d+ of \d+ commands of the last minute cannot be read. The last: partition 1, offset \d+ of live-' \
    'malformed_json' 'no workspace could be read' 'See “A producer sends garbage”'

proxy_tell kafka answer "$end_txn" delay 700 100000
commands ws-3 0 6000 | to_partition 2
looks "a slow broker and a noisy workspace" slow-noisy 'Kafka is slow: a transaction takes [\d.]+ s on average' 'See “Kafka is slow”' \
    'Workspace ws-3 takes \d+ % of partition 2 of live-' 'See “A noisy workspace”' 'Workspaces that take more than their share'
check "the log reports the noisy workspace" eventually logs 'a workspace takes more than its share of a partition".*partition=2 workspace=ws-3'
proxy_tell kafka pass
check "it goes on at once" answers_all
check_equal "the log reports it once" 1 "$(live_log_count one 'a workspace takes more than its share')"
worker_stop one

faults_worker_start one --set definitions.on_missing=wait --set definitions.wait=10min
echo '{"commandId":"w","workspaceId":"later","givenName":"A","familyName":"B","email":"w@example.com","customFields":{"x":1}}' | to_partition 0
looks "a partition waits for definitions" definitions 'partition 0 of live-\S+ waits for those of workspace later' 'See “A partition waits for definitions”'
check "definitions are put" live_intake definitions put later "$LIVE_DEFINITIONS"
check "it goes on at once" answers_all
looks "nothing waits any more" definitions-put 'All is well'
worker_stop one
suite_end

#!/usr/bin/env bash
# The status page of a worker under load, in a headless Chromium: it agrees with /metrics, and its top line tells what is wrong
# where something is: Redis full, a producer that sends garbage, a slow broker, a noisy workspace, a partition that waits for
# definitions. tests/page.sh has the rest of the page. The screenshots are in build/tests/output.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

LIVE_WORKSPACES=8
LIVE_CHECKS=86
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

# to_partition PARTITION [OPTION ...]: sends lines.
to_partition() {
    kcat -P -b "$kafka_address" -t "$live_name.commands" -p "$1" "${@:2}"
}

answers_all() {
    eventually eval '[ "$(faults_metric one consumer_lag)" -eq 0 ] && [ "$(faults_metric one ready)" -eq 1 ]'
}

logs() {
    [ "$(live_log_count one "$1")" -ge 1 ]
}

# advice KIND PATTERN: the words of the page's advice that match, such as a command line.
advice() {
    curl --silent "http://$(faults_address one)/status.json" | jq -r --arg kind "$1" '.findings[] | select(.kind == $kind).advice' \
        | grep -oE -- "$2" | head -n 1
}

# says LINE: what the program says to a command line that the page shows.
says() {
    local words
    read -ra words <<<"$1"
    "$BUILD/${words[0]}" "${words[@]:1}" 2>&1
}

faults_begin 3
faults_worker_start one
faults_load 300
check "commands get replies" eventually faults_answered_more_than one 500
faults_load_end
faults_load 300 120
looks "under load" load --agree --variants 'All is well: [\d.,]+ commands a second, p99 latency' 'WORKER_(READY|IN_BATCH)' 'ws-\d'
faults_load_stop
check "every command gets a reply" answers_all

set_redis maxmemory 1mb
faults_load 100 60
looks "Redis is full" redis-full 'Redis \(127.0.0.1:\d+\) is full and refuses to write' "OOM command not allowed" 'See “Redis is full” in docs/operations.md. Since \d\d:\d\d:\d\d UTC'
set_redis maxmemory 0
faults_load_stop
check "it goes on" answers_all
looks "Redis has room again" redis-back 'All is well' 'from\s+\d\d:\d\d:\d\d UTC to \d\d:\d\d:\d\d UTC'

seq 400 | sed 's/^/not JSON /' | to_partition 1 -H sender=import-7
check "garbage gets replies" answers_all
looks "a producer sends garbage" garbage 'A producer sends garbage: \d+ of \d+ commands of the last minute cannot be read. The last: malformed_json, partition 1, offset \d+ of live-\S+, without a workspace' \
    'dead-letters list --group --since 20\S+Z --config \S+/worker.ini tells' 'Since \d\d:\d\d:\d\d UTC' 'no workspace could be read' 'See “A producer sends garbage”'

listed=$(says "$(advice garbage 'client-intake dead-letters list --group --since [^ ]+ --config [^ ]+')")
letter=$(grep 'malformed_json' <<<"$listed" | sort -n | tail -n 1 | grep -oE 'such as [0-9]+/[0-9]+' | cut -d' ' -f3)
check "the command line of the page lists the letters, with an example" [ -n "$letter" ]
show=$(advice garbage 'client-intake dead-letters show PLACE --config [^ ]+')
check_equal "another one shows the headers, which name the sender" 1 "$(says "${show/PLACE/$letter}" | grep -cx '  sender: import-7')"
check_equal "the log reports the garbage, once" 1 "$(live_log_count one 'a producer sends garbage".* partition=1 offset=[0-9]+ code=malformed_json')"

proxy_tell kafka answer "$end_txn" delay 1100 100000
commands ws-3 0 6000 | to_partition 2
looks "a slow broker and a noisy workspace" slow-noisy 'Kafka \(127.0.0.1:\d+\) is slow: a transaction takes [\d.]+ s on average' 'See “Kafka is slow” in docs/operations.md. Since \d\d:\d\d:\d\d UTC' \
    'Workspace ws-3 takes \d+ % of partition 2 of live-' 'See “A noisy workspace”' 'Workspaces that take more than their share'
check "the log reports the noisy workspace" eventually logs 'a workspace takes more than its share of a partition".*partition=2 workspace=ws-3'
proxy_tell kafka pass
check "it goes on at once" answers_all
check_equal "the log reports it once" 1 "$(live_log_count one 'a workspace takes more than its share')"
check_equal "and once that transactions take long, however many do" 1 "$(live_log_count one 'producer failing')"
check "and its end, when none has for a while" eventually logs 'producer recovered'
worker_stop one

faults_worker_start one --set definitions.on_missing=wait --set definitions.wait=10min
# waits NUMBER PARTITION WORKSPACE: sends a command whose workspace has no definitions.
waits() {
    echo "{\"commandId\":\"w$1\",\"workspaceId\":\"$3\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"w$1@example.com\",\"customFields\":{\"x\":1}}" \
        | to_partition "$2"
}
# A partition that waits for longer than five seconds, as the page tells it.
waits_long() {
    curl --silent "http://$(faults_address one)/status.json" \
        | jq -e --arg workspace "$1" '.time as $now | .definitions.waitingCommands[] | select(.workspace == $workspace and $now - .since > 5000)'
}
waits 1 0 later
check "the page tells since when the partition waits" eventually waits_long later
redis_ask SET 'custom-fields:{broken}' '[{"key":"x","type":"nonsense"}]' >/dev/null
waits 2 1 broken
looks "partitions wait for definitions" definitions \
    '2 partitions of live-\S+ wait for definitions: partition 0 at offset \d+ \(workspace later has none\), partition 1 at offset \d+ \(those of workspace broken are broken\)\.' \
    'rejected as definitions_missing when it is 600 s old' 'See “A partition waits for definitions”'
check "of several the page tells, too, since when they wait" eventually waits_long broken
check "the log reports the first one" logs 'a partition waits for definitions".* partition=0 offset=[0-9]+ workspace=later'
put=$(advice definitions_awaited 'client-intake definitions put later FILE --config [^ ]+\.ini')
check "the command line of the page puts definitions" says "${put/FILE/$LIVE_DEFINITIONS}"
check "those that are broken are mended" live_intake definitions put broken "$LIVE_DEFINITIONS"
check "it goes on at once" answers_all
looks "nothing waits any more" definitions-put 'All is well'
worker_stop one
live_compare_schemas
suite_end

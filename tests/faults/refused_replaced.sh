#!/usr/bin/env bash
# Clients that do not fit into the record topic, at offsets that were committed in the command topic before it was deleted
# and created again: none is taken for a committed one.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

LIVE_WORKSPACES=1
LIVE_CHECKS=14
live_begin 1
faults_replaces_topics
commands=$live_name.commands
topic_config() { "$BUILD/tests/faults/topic_config" "$kafka_address" "$@"; }
replies() { kcat -C -b "$kafka_address" -X fetch.wait.max.ms=10 -t "$live_name.replies" -o beginning -e -q -X isolation.level=read_committed; }
has_replies() { [ "$(replies | wc -l)" -ge "$1" ]; }
send() { kcat -P -b "$kafka_address" -t "$commands" -p 0; }
# command ID EMAIL [MEMBERS]
command() {
    echo "{\"commandId\":\"$1\",\"workspaceId\":\"ws-0\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"$2@example.com\"$3}"
}
small() { # PREFIX COUNT
    for ((i = 0; i < $2; i++)); do command "$1-$i" "$1-$i"; done
}
large() { command "$1" "$1" ",\"companyIds\":[$(printf '"company-%020d",' {1..200} | sed 's/,$//')]"; }
verdict() { replies | jq -r "select(.commandId == \"$1\") | .error.code // .type"; }

check "the record topic gets a limit of 3,000 bytes" topic_config set "$live_name.records" max.message.bytes=3000
small before 300 | send
worker_start one --set worker.threads=1
check "commands of a topic are answered" until_true 60 has_replies 300
worker_stop one
check "the topic is replaced" topic_config replace "$commands" 1

criterion "a large client that waits for the next transaction, since only 200 are sent one by one" "it is too_large, and its email is free"
{ small behind 220 && large put-off && command next put-off; } | send
worker_start one --set worker.threads=1
check "all are answered" until_true 60 has_replies 522
check_equal "the large client is refused" too_large "$(verdict put-off)"
check_equal "its email is free" client.created "$(verdict next)"
worker_stop one

criterion "a large client whose worker is killed after the claim" "the same"
{ large killed && command last killed; } | send
deadly_worker_start one after-claim 0
deadly_worker_dies one after-claim 60
static_worker_start one
check "all are answered" until_true 60 has_replies 524
check_equal "the large client is refused" too_large "$(verdict killed)"
check_equal "its email is free" client.created "$(verdict last)"
worker_stop one
[ "$suite_failed" -eq 0 ] || tail -n 25 "$suite_folder/one.log"
live_compare_schemas
suite_end

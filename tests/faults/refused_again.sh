#!/usr/bin/env bash
# A committed client comes again after the record topic got a smaller limit: it stays, and keeps its email.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

LIVE_WORKSPACES=1
live_begin 1
commands=$live_name.commands
topic_config() { "$BUILD/tests/faults/topic_config" "$kafka_address" "$@"; }
replies() { kcat -C -b "$kafka_address" -X fetch.wait.max.ms=10 -t "$live_name.replies" -o beginning -e -q -X isolation.level=read_committed; }
has_replies() { [ "$(replies | wc -l)" -ge "$1" ]; }
# send ID MEMBERS: a command for the one email.
send() {
    echo "{\"commandId\":\"$1\",\"workspaceId\":\"ws-0\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"one@example.com\"$2}" \
        | kcat -P -b "$kafka_address" -t "$commands" -p 0
}
verdict() { replies | sed -n "$1p" | jq -r '.error.code // .type'; }

criterion "offsets are set back after the record topic got a smaller limit" \
    "a committed client that would no longer fit keeps its id, its email and its reply"
send large ",\"companyIds\":[$(printf '"company-%020d",' {1..200} | sed 's/,$//')]"
worker_start one
check "a client of 6 KiB is created" eventually has_replies 1
check_equal "it is" "client.created" "$(verdict 1)"
worker_stop one
check "the record topic gets a limit of 3,000 bytes" topic_config set "$live_name.records" max.message.bytes=3000
check "the group's offset is set back" eventually topic_config commit "$live_name" "$commands" 0 0
worker_start one
check "the command is answered again" eventually has_replies 2
check_equal "with the same reply" "$(replies | sed -n 1p)" "$(replies | sed -n 2p)"
send small ""
check "another command with its email is answered" eventually has_replies 3
check_equal "as taken" "email_taken" "$(verdict 3)"
check_equal "by that client" "$(replies | sed -n 1p | jq -r .client.id)" "$(replies | sed -n 3p | jq -r .error.existingClientId)"
worker_stop one
live_compare_schemas
suite_end

#!/usr/bin/env bash
# A reply that the broker refuses for its size although nothing is created: an echo that is too long, for instance. It is
# sent bare, without echoes and without the list of errors, and its partition goes on. (No oracle, which asks for echoes.)
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/suite.sh
. tests/lib/redis.sh
. tests/lib/live.sh
. tests/lib/faults.sh
. tests/lib/poison.sh

LIVE_CHECKS=12

long=$(head -c 20000 /dev/zero | tr '\0' x)

# command ID MEMBERS: one with a correlation id that no reply can carry.
command() {
    echo "{\"commandId\":\"$1\",\"workspaceId\":\"ws-1\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"$1@example.com\"$2}" \
        | kcat -b "$kafka_address" -P -t "$live_name.commands" -p 0 -k ws-1 -H "correlation-id=$long"
}

replies() {
    kcat -b "$kafka_address" -C -t "$live_name.replies" -o beginning -e -q -X isolation.level=read_committed "$@"
}

has_replies() { [ "$(replies -f '%o\n' | wc -l)" -ge "$1" ]; }

live_begin 1
criterion "a reply with an echo that does not fit into the reply topic" \
    "it comes bare; a command that would have been accepted is too_large and leaves nothing; the partition goes on"
topic_config set "$live_name.replies" max.message.bytes=10000 || suite_fail "the reply topic takes less"
command valid
command invalid ',"nickname":"A"'
kcat -b "$kafka_address" -P -t "$live_name.commands" -p 0 -k ws-1 -H "correlation-id=$long" <<<'not JSON'
echo '{"commandId":"after","workspaceId":"ws-1","givenName":"A","familyName":"B","email":"valid@example.com"}' \
    | kcat -b "$kafka_address" -P -t "$live_name.commands" -p 0 -k ws-1 -H correlation-id=short
worker_start one
check "all are answered" until_true 90 has_replies 4
worker_stop one
check_equal "the verdicts" "too_large validation_failed malformed_json created" \
    "$(replies | jq -r '.error.code // "created"' | tr '\n' ' ' | sed 's/ $//')"
check_equal "no list of errors comes with them" 0 "$(replies | jq -c '.error.errors // empty' | wc -l)"
check_equal "the last one has its echo" 1 "$(replies -f '%h\n' | grep -c 'correlation-id=short')"
check_equal "the others have none" 0 "$(replies -f '%h\n' | grep -c 'correlation-id=x')"
check_equal "nothing is left of the refused client" "1" "$(redis_ask --scan --pattern 'client:{*' | wc -l)"
check_equal "its email is the next one's" "client" "$(redis_ask GET "client:{ws-1}:$(redis_ask GET 'client-email:{ws-1}:valid@example.com')" | grep -o '"object":"client"' | cut -d '"' -f 4)"
check_equal "a dead letter for each that is too large or malformed" 2 \
    "$(kcat -b "$kafka_address" -C -t "$live_name.dead-letters" -o beginning -e -q -f '%o\n' -X isolation.level=read_committed | wc -l)"
suite_end

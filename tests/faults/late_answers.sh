#!/usr/bin/env bash
# Kafka's answers come late to send; and letters are deleted while they are listed.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

criterion "a reply comes before the answer to the message of its command" "send counts the command as sent"
criterion "retention deletes letters between the two readings of list --limit" "no letter that was retried is listed as one that was not"

LIVE_CHECKS=13
produce=0 # the api key of Kafka's protocol

# letters_add PARTITION FIRST COUNT: letters of the values letter-FIRST and so on, as the worker writes them.
letters_add() {
    seq -f letter-%.0f "$2" $(($2 + $3 - 1)) \
        | kcat -P -b "$kafka_address" -t "$live_name.dead-letters" -p "$1" -k ws-1 -H "dlq-topic=$live_name.commands" \
            -H dlq-partition=0 -H dlq-offset=7 -H dlq-timestamp=0 -H dlq-code=malformed_json \
            -H "dlq-message=the text is not JSON at byte 0" || suite_fail "letters were added"
}

unset KAFKA_LANE # a proxy stands in front of a broker of the suite's own
faults_begin 2
LIVE_DEFINITIONS=
by_proxy=("${live_worker_options[@]}")
live_worker_options=()

# ---- send ----

worker_start one
proxy_tell kafka answer "$produce" delay 5000 1
command='{"commandId":"c-1","workspaceId":"ws-0","givenName":"A","familyName":"B","email":"a@example.com"}'
live_intake send --output json "${by_proxy[@]}" <<<"$command" >"$suite_folder/output" 2>"$suite_folder/error"
check_equal "a command whose reply comes first" 0 $?
check "the answer to its message was late" [ "$(proxy_matched kafka)" -ge 1 ]
check_equal "its reply is printed" c-1 "$(head -n 1 "$suite_folder/output" | jq -r .commandId)"
check_equal "it was sent, and answered" '{"sent":1,"unsent":0,"answered":1,"rejected":0,"unanswered":0}' "$(tail -n 1 "$suite_folder/output")"
proxy_tell kafka pass
worker_stop one

# ---- letters that are deleted between two readings ----

letters_add 0 1 4000
letters_add 1 4001 1
check "a letter is retried" live_intake dead-letters retry 1/0 --apply
mkfifo "$suite_folder/rows"
"$BUILD/client-intake" dead-letters list --limit 4000 --output json --config "$live_config" >"$suite_folder/rows" 2>"$suite_folder/error" &
list_pid=$!
suite_owns "$list_pid"
exec {rows}<"$suite_folder/rows"
read -r first <&"$rows"
check_equal "the second reading has begun" 0 "$(jq .partition <<<"$first")"
check "the letters of its partition are deleted" "$BUILD/tests/faults/topic_config" "$kafka_address" trim "$live_name.dead-letters" 0 4000
cat <&"$rows" >"$suite_folder/rest"
exec {rows}<&-
wait "$list_pid"
check_equal "the list is incomplete" 3 $?
check "it was cut short" [ "$(wc -l <"$suite_folder/rest")" -lt 3990 ]
check_equal "it has no row of a letter that was beyond its limit" "" "$(jq -c 'select(.partition == 1)' "$suite_folder/rest")"
check_equal "which was retried" 1 "$(live_intake dead-letters list --partition 1 --output json | jq '.retried | length')"

suite_end

#!/usr/bin/env bash
# Kafka's answers come late or never, to send and to a retry of dead letters; and letters are deleted while they are listed.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

criterion "a reply comes before the answer to the message of its command" "send counts the command as sent"
criterion "replies to others, what is no reply, and a reply that comes twice" "send prints its own reply, once"
criterion "retention deletes letters between the two readings of list --limit" "no letter that was retried is listed as one that was not"
criterion "the answer to a commit is lost, and another retry begins at that moment" \
    "the first one does not say that letters were not sent which are in the command topic"

LIVE_CHECKS=21
produce=0 versions=18 end_transaction=26 # the api keys of Kafka's protocol

# letters_add PARTITION FIRST COUNT: letters of the values letter-FIRST and so on, as the worker writes them.
letters_add() {
    seq -f letter-%.0f "$2" $(($2 + $3 - 1)) \
        | kcat -P -b "$kafka_address" -t "$live_name.dead-letters" -p "$1" -k ws-1 -H "dlq-topic=$live_name.commands" \
            -H dlq-partition=0 -H dlq-offset=7 -H dlq-timestamp=0 -H dlq-code=malformed_json \
            -H "dlq-message=the text is not JSON at byte 0" || suite_fail "letters were added"
}

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

# reply_with VALUE [OPTION ...]: a message in the reply topic.
reply_with() {
    printf '%s' "$1" | kcat -P -b "$kafka_address" -t "$live_name.replies" -p 0 "${@:2}" || suite_fail "a message in the reply topic"
}
correlation_of_second() {
    correlation=$(kcat -C -q -b "$kafka_address" -t "$live_name.commands" -e -o beginning -f '%h %s\n' | grep -F c-2 \
        | grep -oE 'correlation-id=[0-9a-f]+-[0-9]+')
}
live_intake send --output json <<<"${command//c-1/c-2}" >"$suite_folder/output" 2>"$suite_folder/error" &
sender=$!
check "a command is sent" eventually correlation_of_second
reply_with '{"of":"another run"}' -H correlation-id=0123456789abcdef-0
reply_with '{"of":"another command"}' -H "$correlation"9
reply_with 'no JSON'
reply_with '{"source":{"topic":"another","partition":0,"offset":1}}'
reply_with $'ws-0\x1f' -K $'\x1f' -Z
reply_with '{"of":"c-2"}' -H "$correlation" -H ce_type=client.created
reply_with '{"of":"c-2"}' -H "$correlation" -H ce_type=client.created
wait "$sender"
check_equal "send ends with its own reply" 0 $?
check_equal "which it prints once" '{"of":"c-2"} {"sent":1,"unsent":0,"answered":1,"rejected":0,"unanswered":0}' "$(xargs -d '\n' <"$suite_folder/output")"

# ---- letters that are deleted between two readings ----

letters_add 0 1 20000
letters_add 1 20001 1
check "a letter is retried" live_intake dead-letters retry 1/0 --apply
mkfifo "$suite_folder/rows"
"$BUILD/client-intake" dead-letters list --limit 20000 --output json --config "$live_config" >"$suite_folder/rows" 2>"$suite_folder/error" &
list_pid=$!
exec {rows}<"$suite_folder/rows"
read -r first <&"$rows"
check_equal "the second reading has begun" 0 "$(jq .partition <<<"$first")"
check "the letters of its partition are deleted" "$BUILD/tests/faults/topic_config" "$kafka_address" trim "$live_name.dead-letters" 0 20000
cat <&"$rows" >"$suite_folder/rest"
exec {rows}<&-
wait "$list_pid"
check_equal "the list is incomplete" 3 $?
check "it was cut short" [ "$(wc -l <"$suite_folder/rest")" -lt 19990 ]
check_equal "it has no row of a letter that was beyond its limit" "" "$(jq -c 'select(.partition == 1)' "$suite_folder/rest")"
check_equal "which was retried" 1 "$(live_intake dead-letters list --partition 1 --output json | jq '.retried | length')"

# ---- the answer to a commit ----

is_in_commands() {
    kcat -b "$kafka_address" -C -X isolation.level=read_committed -t "$live_name.commands" -o beginning -e -q -f '%s\n' | grep -qx "$1"
}

retry_is_stopped() {
    [ "$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$retry_pid/status" 2>/dev/null)" = T ]
}

# The broker has committed when the answer is lost with its connection. librdkafka makes a new one, which takes a while
# here, and asks again. Until then the other retry may begin; on a busy machine it may need some tries to be in time.
committed_and_shut_out=0
for number in $(seq 30001 30012); do
    letters_add 1 "$number" 1
    place=1/$(kcat -b "$kafka_address" -C -t "$live_name.dead-letters" -p 1 -o beginning -e -q -f '%o %s\n' | sed -n "s/ letter-$number\$//p")
    FAILPOINT=retry-noted FAILPOINT_AFTER=0 FAILPOINT_SIGNAL=STOP "$BUILD/tests/faults/client-intake" dead-letters retry "$place" \
        --apply --config "$live_config" "${by_proxy[@]}" >"$suite_folder/retry" 2>"$suite_folder/retry-error" &
    retry_pid=$!
    check "a retry is frozen before its commit" eventually retry_is_stopped
    before=$(proxy_matched kafka)
    proxy_tell kafka answer "$end_transaction" reset 1
    proxy_tell kafka request "$versions" delay 700 9
    kill -CONT "$retry_pid"
    until [ "$(proxy_matched kafka)" -gt "$before" ] || ! kill -0 "$retry_pid" 2>/dev/null; do :; done
    live_intake dead-letters retry 0/0 --apply >/dev/null 2>&1
    wait "$retry_pid"
    code=$?
    proxy_tell kafka pass
    is_in_commands "letter-$number" || continue
    grep -q "another retry has begun" "$suite_folder/retry-error" || continue
    committed_and_shut_out=1
    check_equal "it ends with 69" 69 "$code"
    check "and says that it does not know" grep -q "it is not known whether the last letters were sent" "$suite_folder/retry-error"
    break
done
check_equal "a retry was committed, and another one began before it knew" 1 "$committed_and_shut_out"
suite_end

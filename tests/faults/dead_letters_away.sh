#!/usr/bin/env bash
# dead-letters retry while the connection to Kafka is lost: it goes on by itself, and sends each letter once. Where it
# cannot, it says what was sent, and the same retry sends the rest.
. "$(dirname "$0")/../lib/letters.sh" || exit 1

end_transaction=26 # Kafka's keys of requests
by_proxy=()
faults_begin 3
LIVE_DEFINITIONS=
by_proxy=(--set "kafka.bootstrap.servers=$(cat "$kafka_folder/proxy")")

retry_ends() {
    wait "$retry_pid"
    check_equal "$1: it ends with $2" "$2" $?
}

says() {
    check "$1" grep -q "$2" "$suite_folder/deadly-error"
}

for point in retry-begun retry-sent retry-noted; do
    criterion "the connection is reset at $point of the second transaction" "the retry goes on, and each letter is sent once"
    letters_add 1500
    deadly_retry "$point" 1 STOP "${by_proxy[@]}"
    check "a retry is frozen at $point" eventually retry_is_stopped
    proxy_tell kafka reset
    kill -CONT "$retry_pid"
    retry_ends "$point" 0
    check_equal "it has told of each letter once" "1500 1500" \
        "$(grep -c ': sent to ' "$suite_folder/deadly") $(sed -n 's/: sent to .*//p' "$suite_folder/deadly" | sort -u | wc -l)"
    each_is_sent_once "reset at $point"
done

criterion "Kafka is away for some seconds in the middle of a retry" "it waits, goes on, and says both"
letters_add 1500
deadly_retry retry-sent 1 STOP "${by_proxy[@]}"
check "a retry is frozen" eventually retry_is_stopped
proxy_tell kafka refuse
kill -CONT "$retry_pid"
sleep 7
proxy_tell kafka pass
retry_ends "away for a while" 0
says "it tells of the loss" "the connection to Kafka was lost: "
says "and of the end" "Kafka is back, and the retry goes on"
each_is_sent_once "away for a while"

criterion "the answer to a commit is lost with its connection" "the retry finds out whether it was committed"
for what in answer request; do
    letters_add 700
    deadly_retry retry-noted 0 STOP "${by_proxy[@]}"
    check "a retry is frozen before its commit" eventually retry_is_stopped
    proxy_tell kafka "$what" "$end_transaction" reset 1
    kill -CONT "$retry_pid"
    retry_ends "the $what of a commit" 0
    proxy_tell kafka pass
    each_is_sent_once "without the $what of a commit"
done

criterion "another retry while the connection is lost" "the first one sends nothing more, and ends with 69"
letters_add 1500
deadly_retry retry-sent 1 STOP "${by_proxy[@]}"
check "a retry is frozen" eventually retry_is_stopped
retry
check_equal "another one sends the rest" "0 1000" "$? $(grep -c ': sent to ' "$suite_folder/retry")"
proxy_tell kafka reset
kill -CONT "$retry_pid"
retry_ends "overtaken" 69
check_equal "the first one tells of what it has sent" 500 "$(grep -c ': sent to ' "$suite_folder/deadly")"
says "and why it ends" "another retry has \(begun\|sent letters\).*; what is told as sent was sent, and the same retry sends the rest"
each_is_sent_once "overtaken while the connection was lost"

criterion "Kafka does not come back" "the retry ends with 69 after TERM or a minute, and says what was sent"
letters_add 1500
# Messages wait for Kafka as long as their transaction may take.
deadly_retry retry-sent 1 STOP "${by_proxy[@]}" --set "kafka.producer.transaction.timeout.ms=$(faults_choose 10000 25000)"
check "a retry is frozen" eventually retry_is_stopped
proxy_tell kafka refuse
kill -CONT "$retry_pid"
if faults_all; then
    retry_ends "away for good" 69
    says "it says what was sent" "what is told as sent was sent, and the same retry sends the rest"
else
    eventually grep -q "the connection to Kafka was lost" "$suite_folder/deadly-error" || suite_fail "it notices"
    kill -TERM "$retry_pid"
    retry_ends "away until TERM" 2
fi
check_equal "the first transaction is told" 500 "$(grep -c ': sent to ' "$suite_folder/deadly")"
proxy_tell kafka pass
retry
check_equal "the same retry sends the rest" "0 1000" "$? $(grep -c ': sent to ' "$suite_folder/retry")"
each_is_sent_once "after the end"
suite_end

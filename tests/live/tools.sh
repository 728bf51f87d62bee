#!/usr/bin/env bash
# The short commands against a real Apache Kafka and Redis: check, topics create, definitions put and get.
. "$(dirname "$0")/../lib/redis.sh" || exit 1

suite_begin
kafka_folder=$suite_folder/kafka
suite_clean_more() {
    tests/kafka/stop --kill "$kafka_folder"
}
if ! kafka_address=$(tests/kafka/start "$kafka_folder" 2>"$suite_folder/kafka-start"); then
    suite_skip 30 "no real Apache Kafka here: $(head -n 3 "$suite_folder/kafka-start" | tr '\n' ' ')"
    suite_end
fi
redis_ask() {
    REDISCLI_AUTH='open sesame' redis-cli -s "$redis_socket" "$@"
}
redis_start --requirepass 'open sesame' || suite_end

# An external broker may hold the topics of other runs.
name=tools-${suite_folder##*.}
config=$suite_folder/config.ini
cat >"$config" <<EOF
[kafka]
bootstrap.servers = $kafka_address
[commands]
topic = $name.commands
[replies]
topic = $name.replies
[records]
topic = $name.records
[dead_letters]
topic = $name.dead-letters
[definitions]
topic = $name.definitions
[topics]
partitions = 3
replication = 1
[redis]
address = unix:$redis_socket
password = \${file:$suite_folder/password}
database = 3
EOF
echo 'open sesame' >"$suite_folder/password"

# intake COMMAND ...: sets output, error and code.
intake() {
    output=$("$BUILD/client-intake" "$@" --config "$config" 2>"$suite_folder/error")
    code=$?
    error=$(cat "$suite_folder/error")
}

holds() {
    [[ $1 == *"$2"* ]]
}

intake check
check_equal "check finds both servers" 0 "$code"
check_equal "check names the missing topics" \
    "$(printf 'topic   warning: %s: it does not exist; client-intake topics create creates it\n' "$name.commands" \
        "$name.replies" "$name.records" "$name.definitions" "$name.dead-letters")" "$(grep ^topic <<<"$output")"

intake topics create --set "topics.partitions=2"
check_equal "topics are created" 0 "$code"
check_equal "each topic has its line" "$(printf '%s: created, 2 partitions\n' \
    "$name.commands" "$name.dead-letters" "$name.definitions" "$name.records" "$name.replies")" "$(sort <<<"$output")"
intake topics create
check_equal "topics are created once" 0 "$code"
check_equal "and not changed" "$(printf '%s: exists, 2 partitions\n' \
    "$name.commands" "$name.dead-letters" "$name.definitions" "$name.records" "$name.replies")" "$(sort <<<"$output")"
intake topics create --set "replies.topic=$name.more"
check_equal "a single missing topic is created" "$name.more: created, 3 partitions" "$(grep more: <<<"$output")"
intake topics create --set "replies.topic=$name.many" --set topics.replication=99
check_equal "a topic that the broker refuses gives exit code 1" 1 "$code"
check "with its reason" holds "$output" "$name.many: refused: "
check "records are compacted: a message needs a key" \
    bash -c "! kcat -b '$kafka_address' -P -t '$name.records' <<<'no key' 2>/dev/null"
intake check
check_equal "check finds nothing to tell of the topics that were created" \
    "$(printf 'config  ok\nkafka   ok: %s, 1 broker\nredis   ok: unix:%s, version X, single\n' "$kafka_address" "$redis_socket")" \
    "$(sed -E 's/version [0-9.]+/version X/' <<<"$output")"

definitions=tests/live/definitions.json
intake definitions put acme "$definitions"
check_equal "definitions are put" 0 "$code"
check "put prints their position" holds "$output" "stored in Redis and at $name.definitions/"
check "Redis holds their bytes" cmp -s "$definitions" <(redis_ask -n 3 GET 'custom-fields:{acme}' | head -c "$(wc -c <"$definitions")")
kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$name.definitions" -e -q -f '%k %S\n' >"$suite_folder/messages"
check_equal "the topic holds them under the workspace" "acme $(wc -c <"$definitions")" "$(cat "$suite_folder/messages")"
"$BUILD/client-intake" definitions get acme --config "$config" >"$suite_folder/got"
check "get gives the same bytes" cmp -s "$definitions" "$suite_folder/got"
intake definitions put acme - --json <"$definitions"
check_equal "definitions are put again, from standard input" 0 "$code"
check "--json shows that nothing changed" grep -qE \
    "^\{\"workspaceId\":\"acme\",\"definitions\":\"[0-9a-f]{32}\",\"fields\":[0-9]+,\"source\":\{\"topic\":\"$name.definitions\",\"partition\":[01],\"offset\":0\},\"result\":\"unchanged\"\}$" <<<"$output"
check "a terminal gets a table" bash -c "script -qec '$BUILD/client-intake definitions get acme --config $config' /dev/null | grep -q '^acme: version '"
intake definitions get nobody
check_equal "a workspace without definitions gives exit code 1" 1 "$code"
echo '[{"key":"a","name":"A","type":"colour"}]' >"$suite_folder/faulty"
intake definitions put acme "$suite_folder/faulty"
check_equal "faulty definitions are refused" 1 "$code"
check "and Redis keeps its value" cmp -s "$definitions" <("$BUILD/client-intake" definitions get acme --config "$config")

intake definitions put acme "$definitions" --set redis.password=wrong
check_equal "a wrong password is reported" 69 "$code"
check "the message shows neither password" bash -c '! grep -qE "wrong|sesame" "$0"' "$suite_folder/error"
check "and what to do" holds "$error" "stored in the topic only; put them again"
intake definitions put acme "$definitions" --set "definitions.topic=$name.none"
check_equal "a missing definitions topic is reported" 69 "$code"
intake check --set redis.password=wrong
check_equal "check reports a wrong password" 69 "$code"
check "in the line of Redis" holds "$output" "redis   unix:$redis_socket: AUTH: "
intake check --set kafka.bootstrap.servers=127.0.0.1:1
check_equal "check reports a broker that is away" 69 "$code"
check "in the line of Kafka" holds "$output" "Connection refused"
suite_end

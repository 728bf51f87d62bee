#!/usr/bin/env bash
# `check` on a real Kafka and Redis: what will hurt is a line each, and the exit code says whether everything was reached.
# Rights are in tests/faults/not_authorized.sh, nodes of a cluster in tests/redis_cluster.sh.
. "$(dirname "$0")/../lib/redis.sh" || exit 1

suite_begin
kafka_folder=$suite_folder/kafka
suite_clean_more() {
    tests/kafka/stop --kill "$kafka_folder"
}

# ---- what needs no server ----

nowhere=(--set kafka.bootstrap.servers=127.0.0.1:1 --set redis.address=unix:/does/not/exist)
witness=$suite_folder/witness
check_equal "offline, only the config is looked at" "config  ok" "$("$BUILD/client-intake" check --offline "${nowhere[@]}")"
strace -f -qq -e trace=connect,sendto -o "$witness" "$BUILD/client-intake" check --offline "${nowhere[@]}" >/dev/null
check_equal "offline, nothing is connected to" 0 "$(wc -l <"$witness")"
strace -f -qq -e trace=connect,sendto -o "$witness" "$BUILD/client-intake" check "${nowhere[@]}" >/dev/null 2>&1
check "what is looked at is seen" grep -q 'connect(.*/does/not/exist' "$witness"
"$BUILD/client-intake" check --offline --set commands.topic=clients.replies >"$suite_folder/out" 2>&1
check_equal "offline, a bad config ends with 78" 78 $?

# ---- with servers ----

echo "socket.request.max.bytes=1500000" >"$suite_folder/properties"
export KAFKA_PROPERTIES=$suite_folder/properties
if ! kafka_address=$(tests/kafka/start "$kafka_folder" 2>"$suite_folder/kafka-start"); then
    suite_skip 33 "no real Apache Kafka here: $(head -n 3 "$suite_folder/kafka-start" | tr '\n' ' ')"
    suite_end
fi
redis_start || suite_end
name=check-${suite_folder##*.}
config=$suite_folder/config.ini
cat >"$config" <<EOF
[kafka]
bootstrap.servers = $kafka_address
[kafka.consumer]
group.id = $name
[commands]
topic = $name.commands
[replies]
topic = $name.replies
allowed = $name.mine, *.reply
[records]
topic = $name.records
[dead_letters]
topic = $name.dead-letters
[definitions]
topic = $name.definitions
[topics]
partitions = 1
replication = 1
[redis]
address = unix:$redis_socket
EOF

# told [OPTION ...]: the lines of `check` but for the first ones of config, kafka and redis; `code` is its exit code.
told() {
    "$BUILD/client-intake" check --config "$config" "$@" >"$suite_folder/said" 2>"$suite_folder/error"
    code=$?
    grep -vE '^(config  ok|(kafka|redis)   ok: .*)$' "$suite_folder/said"
}

# tells WHAT LINE: exactly this line, a pattern, is told, and the exit code is 0.
tells() {
    local lines
    told >"$suite_folder/told"
    lines=$(cat "$suite_folder/told")
    if [ "$code" -eq 0 ] && [ "$(wc -l <<<"$lines")" -eq 1 ] && grep -qxE -- "$2" <<<"$lines"; then
        suite_pass "$1"
    else
        suite_fail "$1" "exit $code, '$lines'"
    fi
}

"$BUILD/client-intake" topics create --config "$config" >/dev/null
tells "a reply topic that commands may name and that is missing" \
    "topic   warning: $name\.mine: it does not exist; replies to commands that name it go to $name\.replies"
told --strict >/dev/null
check_equal "--strict ends with 1 if something will hurt" 1 "$code"
check "check creates no topic" [ -z "$(kcat -b "$kafka_address" -L | grep -F "$name.mine")" ]
"$BUILD/client-intake" topics create --config "$config" --set "replies.topic=$name.mine" --set replies.allowed= >/dev/null
told --strict >"$suite_folder/told"
check_equal "where all is well there is nothing to tell" "" "$(cat "$suite_folder/told")"
check_equal "and --strict ends with 0" 0 "$code"

# setting WHAT TOPIC NAME=VALUE LINE: the line is told of a topic with this setting. Commands stay uncompressed, unless it says
# something else.
setting() {
    local topic=$name.$2 kept=()
    [ "$2" != commands ] || [[ $3 = compression.type=* ]] || kept=(compression.type=uncompressed)
    "$BUILD/tests/faults/topic_config" "$kafka_address" set "$topic" "$3" ${kept[@]+"${kept[@]}"} || suite_fail "$3 is set"
    tells "$1" "$4"
    case $2 in
        records) "$BUILD/tests/faults/topic_config" "$kafka_address" set "$topic" cleanup.policy=compact ;;
        definitions)
            "$BUILD/tests/faults/topic_config" "$kafka_address" set "$topic" retention.ms=-1 retention.bytes=-1 ;;
        commands)
            "$BUILD/tests/faults/topic_config" "$kafka_address" set "$topic" cleanup.policy=delete compression.type=uncompressed ;;
        *) "$BUILD/tests/faults/topic_config" "$kafka_address" set "$topic" cleanup.policy=delete ;;
    esac || suite_fail "$topic is as it was"
}
for topic in commands replies mine dead-letters; do
    setting "$topic that are compacted" "$topic" cleanup.policy=compact \
        "topic   warning: $name\.$topic: cleanup\.policy is compact and must be delete: .*"
done
setting "records that are deleted by age" records cleanup.policy=delete \
    "topic   warning: $name\.records: cleanup\.policy is delete and must be compact: .*"
setting "records that are deleted by age, too" records cleanup.policy=compact,delete \
    "topic   warning: $name\.records: cleanup\.policy is compact,delete and must be compact: .*"
"$BUILD/tests/faults/topic_config" "$kafka_address" set "$name.definitions" cleanup.policy=compact retention.ms=-1
tells "definitions that are compacted" "topic   warning: $name\.definitions: cleanup\.policy is compact and must be delete: .*"
setting "definitions that are deleted by age" definitions retention.ms=604800000 \
    "topic   warning: $name\.definitions: retention\.ms is 604800000 and must be -1: .*"
for topic in replies mine; do
    setting "$topic that are too small for a client" "$topic" max.message.bytes=270000 \
        "topic   warning: $name\.$topic: 270000 bytes, but a client .* needs 278528: .*"
done
for topic in replies dead-letters; do
    setting "$topic that take no message of another clock" "$topic" message.timestamp.before.max.ms=0 \
        "topic   warning: $name\.$topic: message\.timestamp\.before\.max\.ms is 0 and must be 60000 at least: it may .* stops a thread.*"
done
setting "a topic that commands name and that takes no marker" mine message.timestamp.after.max.ms=1000 \
    "topic   warning: $name\.mine: message\.timestamp\.after\.max\.ms is 1000 and must be 60000 at least: replies .* go to $name\.replies"
setting "a broker that takes no request as long as a decompressed command" commands compression.type=producer \
    "kafka   warning: [0-9]+: socket\.request\.max\.bytes is 1500000, but the longest message of the program needs 100001024: .*"
setting "a dead-letter topic that takes less than the command topic" dead-letters max.message.bytes=1000000 \
    "topic   warning: $name\.dead-letters: 1000000 bytes, but the longest message of the command topic needs [0-9]+: .*"
setting "a command topic that takes less than limits.command_bytes" commands max.message.bytes=262143 \
    "topic   warning: $name\.commands: 262143 bytes, but a command of limits\.command_bytes needs 262144: .*"
"$BUILD/tests/faults/topic_config" "$kafka_address" set "$name.records" cleanup.policy=compact max.message.bytes=278527
tells "records that are too small by a byte" "topic   warning: $name\.records: 278527 bytes, .* needs 278528: .*"
"$BUILD/tests/faults/topic_config" "$kafka_address" set "$name.records" cleanup.policy=compact max.message.bytes=278528
check_equal "records that just fit" "" "$(told)"
check_equal "a producer that sends less than a command topic takes" \
    "config  warning: kafka.producer.message.max.bytes: 300000 bytes" \
    "$(told --set kafka.producer.message.max.bytes=300000 | sed 's/, but .*//')"
check_equal "a consumer that receives less than a command topic takes" \
    "config  warning: kafka.consumer.receive.message.max.bytes: 1000512 bytes" \
    "$(told --set kafka.consumer.receive.message.max.bytes=1000512 --set kafka.consumer.fetch.max.bytes=1000000 | sed 's/, but .*//')"

redis_ask CONFIG SET maxmemory-policy allkeys-lru >/dev/null
check_equal "a policy without a limit evicts nothing" "" "$(told)"
redis_ask CONFIG SET maxmemory 100mb >/dev/null
tells "a Redis that evicts" "redis   warning: unix:$redis_socket: maxmemory-policy is allkeys-lru with a maxmemory of 104857600 bytes, so it drops clients.*"
redis_ask CONFIG SET maxmemory-policy volatile-lru >/dev/null
tells "a Redis that evicts keys that expire" "redis   warning: .*, so it drops keys with a time to live.*"
redis_ask CONFIG SET maxmemory-policy noeviction >/dev/null
check_equal "a Redis that refuses writes when it is full" "" "$(told)"
redis_ask ACL SETUSER default -info >/dev/null
tells "a Redis that does not tell" "redis   unknown: unix:$redis_socket: INFO: .*\+info"
redis_ask ACL SETUSER default +info >/dev/null

# ---- JSON ----

"$BUILD/tests/faults/topic_config" "$kafka_address" set "$name.replies" cleanup.policy=compact
told --output json >/dev/null
check_equal "each line is an object of the same members" '["check","result","kind","subject","message"]' \
    "$(jq -c keys_unsorted "$suite_folder/said" | sort -u)"
check_equal "a finding has its kind and its subject" "topic warning cleanup_policy $name.replies" \
    "$(jq -r 'select(.result != "ok") | "\(.check) \(.result) \(.kind) \(.subject)"' "$suite_folder/said")"
told --output json --set redis.address=unix:/does/not/exist >/dev/null
check_equal "a server that is away ends with 69" 69 "$code"
check_equal "and is an object, too" "redis unavailable unreachable unix:/does/not/exist" \
    "$(jq -r 'select(.result == "unavailable") | "\(.check) \(.result) \(.kind) \(.subject)"' "$suite_folder/said")"
check_equal "the group was not joined, and nothing was committed" "" \
    "$("$BUILD/tests/faults/topic_config" "$kafka_address" offsets "$name" "$name.commands" 1 | grep -v ' -1001 \| -1 ')"
suite_end

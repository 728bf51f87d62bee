#!/usr/bin/env bash
# Definitions on a real Apache Kafka and Redis: put, list, history, sync, and what the daemon reads at its start.
. "$(dirname "$0")/../lib/redis.sh" || exit 1

suite_begin
kafka_folder=$suite_folder/kafka
suite_clean_more() {
    tests/kafka/stop --kill "$kafka_folder"
}
if ! kafka_address=$(tests/kafka/start "$kafka_folder" 2>"$suite_folder/kafka-start"); then
    suite_skip 61 "no real Apache Kafka here: $(head -n 3 "$suite_folder/kafka-start" | tr '\n' ' ')"
    suite_end
fi
redis_start || suite_end

# An external broker may hold the topics of other runs.
name=definitions-${suite_folder##*.}
topic=$name.definitions
config=$suite_folder/config.ini
cat >"$config" <<EOF
[kafka]
bootstrap.servers = $kafka_address
[kafka.consumer]
group.id = $name
[kafka.producer]
transactional.id = $name
[commands]
topic = $name.commands
[replies]
topic = $name.replies
[records]
topic = $name.records
[dead_letters]
topic = $name.dead-letters
[definitions]
topic = $topic
[topics]
partitions = 3
replication = 1
[redis]
address = unix:$redis_socket
[http]
listen =
EOF

# intake COMMAND ...: sets output, error and code.
intake() {
    output=$("$BUILD/client-intake" "$@" --config "$config" 2>"$suite_folder/error")
    code=$?
    error=$(cat "$suite_folder/error")
}

holds() {
    [[ $1 == *"$2"* ]]
}

# set_of COUNT: a file with that many fields.
set_of() {
    local file=$suite_folder/set-$1 number separator='['
    for ((number = 0; number < $1; number++)); do
        printf '%s{"key":"k%d","type":"text"}' "$separator" "$number"
        separator=,
    done >"$file"
    echo ']' >>"$file"
    echo "$file"
}

in_redis() {
    redis_ask GET "custom-fields:{$1}" | head -c "$(wc -c <"$2")" | cmp -s - "$2"
}

# in_topic WORKSPACE: the number of its messages. topic_last WORKSPACE FILE: true if the last one has the
# file's bytes. All messages of a workspace are in one partition; two of one millisecond have the same time.
in_topic() {
    kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$topic" -e -q -f '%k\n' | grep -cxF "$1"
}
topic_last() {
    kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$topic" -e -q -f '%o %k %s\n' | grep -F " $1 " | sort -n | tail -n 1 | cut -d' ' -f3- \
        | cmp -s - <(head -c -1 "$2"; echo)
}

intake definitions list
check_equal "an empty Redis has no definitions" 0 "$code"
check_equal "and the list only has its header" 1 "$(wc -l <<<"$output")"
intake definitions history acme
check_equal "a topic that does not exist has no history" 1 "$code"
intake definitions sync
check_equal "and nothing to fill Redis with" "0 stored, 0 removed, 0 unchanged" "$output"
intake topics create
check_equal "topics are created" 0 "$code"

# ---- repeated puts ----

one=$(set_of 1) two=$(set_of 2) three=$(set_of 3)
intake definitions put acme "$one"
check "put prints the position" holds "$output" "stored in Redis and at $topic/"
intake definitions put acme "$one"
check_equal "a repeated put succeeds" 0 "$code"
check "and prints that nothing changed" holds "$output" "unchanged: already in Redis and at $topic/"
check_equal "the topic has it once" 1 "$(in_topic acme)"
redis_ask DEL 'custom-fields:{acme}' >/dev/null
intake definitions put acme "$one" --json
check "put restores a value that Redis lost" in_redis acme "$one"
check_equal "without writing to the topic again" 1 "$(in_topic acme)"
check "and prints that it stored it" holds "$output" '"result":"stored"'
redis_ask SET 'custom-fields:{acme}' other >/dev/null
intake definitions put acme "$one"
check "and replaces another value" in_redis acme "$one"
intake definitions put acme "$two"
intake definitions put acme "$one"
check_equal "an earlier version can be put again" 3 "$(in_topic acme)"
check "and is in Redis" in_redis acme "$one"

# ---- history and list ----

intake definitions history acme
check_equal "history has a line for each version, and a header" 4 "$(wc -l <<<"$output")"
check_equal "with the number of fields, in order" "1 2 1" "$(awk 'NR > 1 { printf "%s%s", s, $2; s = " " }' <<<"$output")"
check_equal "the same bytes have the same version" 2 "$(awk 'NR > 1 { print $3 }' <<<"$output" | sort -u | wc -l)"
intake definitions history acme --json
check_equal "history as JSON has a line for each version" 3 "$(grep -cE \
    "^\{\"time\":\"[0-9T:.-]{23}Z\",\"source\":\{\"topic\":\"$topic\",\"partition\":[0-2],\"offset\":[0-9]+\},\"definitions\":\"[0-9a-f]{32}\",\"fields\":[12]\}$" <<<"$output")"
intake definitions history nobody
check_equal "a workspace without versions gives exit code 1" 1 "$code"

intake definitions put beta "$three"
redis_ask SET 'custom-fields:{broken}' '[{"key":"a","type":"colour"}]' >/dev/null
redis_ask SET 'client:{acme}:1' x >/dev/null
redis_ask LPUSH 'custom-fields:{list}' x >/dev/null
intake definitions list
check_equal "list has the workspaces in order, with their fields" "acme 1,beta 3,broken broken" \
    "$(awk 'NR > 1 { printf "%s%s %s", s, $1, $2; s = "," }' <<<"$output")"
intake definitions list --json
check_equal "list as JSON has a line for each" 3 "$(wc -l <<<"$output")"
check "with its version" grep -qE '^\{"workspaceId":"beta","definitions":"[0-9a-f]{32}","fields":3\}$' <<<"$output"
check "broken ones are marked" grep -qE '^\{"workspaceId":"broken","definitions":"[0-9a-f]{32}","broken":true\}$' <<<"$output"
redis_ask DEL 'custom-fields:{broken}' 'custom-fields:{list}' >/dev/null

# ---- concurrent puts ----

for ((round = 0; round < 6; round++)); do
    "$BUILD/client-intake" definitions put race "$two" --config "$config" >"$suite_folder/race-2" 2>&1 &
    second=$!
    "$BUILD/client-intake" definitions put race "$three" --config "$config" >"$suite_folder/race-3" 2>&1 &
    third=$!
    wait "$second" && wait "$third" || suite_fail "two puts at once" "$(cat "$suite_folder/race-2" "$suite_folder/race-3")"
    redis_ask GET 'custom-fields:{race}' >"$suite_folder/race"
    check "after two concurrent puts Redis and topic agree ($round)" topic_last race <(head -c -1 "$suite_folder/race")
done

# Another writer that is about to write what was the last before must notice a put, even one that finds its bytes there.
intake definitions put to-and-fro "$two"
redis_ask -x SET 'custom-fields:{to-and-fro}' <"$three" >/dev/null
coproc session { exec redis-cli -s "$redis_socket"; }
suite_owns "$session_PID"
ask_session() { echo "$1" >&"${session[1]}" && read -r -t 10 said <&"${session[0]}"; }
ask_session 'WATCH custom-fields:{to-and-fro}'
intake definitions put to-and-fro "$three"
ask_session MULTI && ask_session 'SET custom-fields:{to-and-fro} stale' && ask_session EXEC
check_equal "a put counts as a change, whatever was there" "" "$said"
check "and Redis agrees with the topic" in_redis to-and-fro "$three"
eval "exec ${session[1]}>&-"

# ---- sync ----

kcat -b "$kafka_address" -P -t "$topic" -k gone <<<'[{"key":"a","type":"text"}]'
printf 'gone:' | kcat -b "$kafka_address" -P -t "$topic" -K: -Z
kcat -b "$kafka_address" -P -t "$topic" -k 'no workspace' <<<'[]'
redis_ask FLUSHALL >/dev/null
redis_ask SET 'custom-fields:{gone}' "$(cat "$one")" >/dev/null
redis_ask SET 'custom-fields:{beta}' "$(cat "$one")" >/dev/null
redis_ask SET 'custom-fields:{own}' "$(cat "$one")" >/dev/null
intake definitions sync
check_equal "sync fills Redis" 0 "$code"
check "it prints the counts" holds "$output" "4 stored, 1 removed, 0 unchanged"
check "and the number of skipped messages" holds "$output" "1 messages skipped: their keys are not workspace ids"
check "a missing value is there" in_redis acme "$one"
check "a different value is replaced by the topic's" in_redis beta "$three"
check_equal "a value that the topic removed is deleted" 0 "$(redis_ask EXISTS 'custom-fields:{gone}')"
check_equal "a value of an unknown workspace stays" 1 "$(redis_ask EXISTS 'custom-fields:{own}')"
intake definitions sync --json
check_equal "a repeated sync changes nothing" '{"stored":0,"removed":0,"same":5,"passedOver":1}' "$output"
check "sync shows its progress on a terminal" bash -c \
    "script -qec '$BUILD/client-intake definitions sync --config $config' /dev/null | grep -q 'reading the topic'"
intake definitions sync --set redis.address=127.0.0.1:1
check_equal "sync without Redis fails" 69 "$code"
intake definitions sync --set kafka.bootstrap.servers=127.0.0.1:1
check_equal "sync without Kafka fails" 69 "$code"
check "with the reason" holds "$error" "Connection refused"

# Many, in a topic that grows while it is read.
for ((number = 0; number < 3000; number++)); do
    printf 'bulk-%d\t[{"key":"old","type":"text"}]\n' "$((number % 1000))"
done >"$suite_folder/bulk"
kcat -b "$kafka_address" -P -t "$topic" -K'\t' -l "$suite_folder/bulk"
sed 's/old/new/' "$suite_folder/bulk" | head -n 1000 >"$suite_folder/later"
"$BUILD/client-intake" definitions sync --config "$config" >/dev/null 2>&1 &
sync=$!
kcat -b "$kafka_address" -P -t "$topic" -K'\t' -l "$suite_folder/later"
wait "$sync"
intake definitions sync
intake definitions sync
check "after a sync Redis agrees with the topic" holds "$output" "0 stored, 0 removed, 1005 unchanged"
check_equal "the last version won" '[{"key":"new","type":"text"}]' "$(redis_ask GET 'custom-fields:{bulk-999}')"

# ---- options from the public API ----

echo '{"data":[{"id":"1","key":"s","name":"S","type":"multiSelect","order":0},{"id":"2","key":"t","name":"T","type":"text","order":1}]}' \
    >"$suite_folder/fields"
echo '{"data":[{"id":"3","label":"A","key":"a","color":"red"},{"id":"4","label":"B","key":"b","color":"blue"}]}' >"$suite_folder/options"
intake definitions put api "$suite_folder/fields"
check_equal "a multiSelect needs its options" 1 "$code"
intake definitions put api "$suite_folder/fields" --options "s=$suite_folder/options"
check_equal "which can be in another file" 0 "$code"
intake definitions get api
check "they are stored under their field" holds "$output" \
    '"order":0, "options": [{"id":"3","label":"A","key":"a","color":"red"},{"id":"4","label":"B","key":"b","color":"blue"}]}'
intake definitions lint "$suite_folder/fields" --options "t=$suite_folder/options" --options "s=$suite_folder/options"
check_equal "a text field has none" 1 "$code"
intake definitions lint "$suite_folder/fields" --options "x=$suite_folder/options"
check "an unknown field is reported" holds "$error" "no field has the key x"
intake definitions lint "$suite_folder/fields" --options "$suite_folder/options"
check_equal "--options needs a key" 64 "$code"
intake definitions get api --options "s=$suite_folder/options"
check_equal "get takes no options" 64 "$code"

# ---- the daemon ----

command='{"commandId":"1","workspaceId":"acme","givenName":"A","familyName":"B","email":"a@example.com","customFields":{"k0":"x"}}'
redis_ask FLUSHALL >/dev/null
redis_ask SET 'custom-fields:{beta}' "$(cat "$one")" >/dev/null
kcat -b "$kafka_address" -P -t "$name.commands" -p 0 <<<"$command"
"$BUILD/client-intake" run --config "$config" >"$suite_folder/log" 2>&1 &
worker=$!
replies() {
    [ "$(kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$name.replies" -e -q -X isolation.level=read_committed -f '%s\n' | tee "$suite_folder/replies" | wc -l)" -ge "$1" ]
}
check "the daemon replies" eventually replies 1
check "with the definitions that it has read from the topic" grep -q '"type":"client.created"' "$suite_folder/replies"
check "existing values in Redis stay" in_redis beta "$one"
check "the rest is there" in_redis race "$suite_folder/race"
intake definitions put acme "$(set_of 5)"
kcat -b "$kafka_address" -P -t "$name.commands" -p 0 <<<"${command//\"1\"/\"2\"}"
kcat -b "$kafka_address" -P -t "$name.commands" -p 0 <<<'{"commandId":"3","workspaceId":"acme","givenName":"A","familyName":"B","email":"b@example.com","customFields":{"k4":"x"}}'
check "the daemon replies again" eventually replies 3
check "with the definitions that were put meanwhile" grep -q '"commandId":"3".*"customFields":{"k4":"x"}' "$suite_folder/replies"
kill -TERM "$worker"
wait "$worker"
check_equal "and ends" 0 $?
check_replies "$suite_folder/replies"
suite_end

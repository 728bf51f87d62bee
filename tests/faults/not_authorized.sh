#!/usr/bin/env bash
# The broker does not let the daemon do something that it needs, at its start or all of a sudden: it loses nothing and
# rejects nothing, says once what it lacks, and goes on within seconds once it may.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
. tests/lib/certificates.sh
. tests/lib/kafka_security.sh

live_before_kafka() {
    if [ -n "${KAFKA_BOOTSTRAP_SERVERS:-}" ]; then
        REQUIRE_KAFKA= suite_skip "$LIVE_CHECKS" "KAFKA_BOOTSTRAP_SERVERS names a broker whose rights are not ours to change"
        return 1
    fi
    kafka_security authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer super.users=User:ANONYMOUS
}
live_begin 4 --appendonly yes
kafka_secure_config "$live_config"

acl() {
    "$BUILD/tests/faults/acl" "$kafka_address" "$1" "User:$kafka_user" "${@:2}"
}

# Resource, name and operation; the error code in the log; the resource's name in the log.
topic() {
    echo "topic:$live_name.$1:$2 authorization.failed $live_name.$1"
}
replies=$(topic replies write) elsewhere=$(topic elsewhere write) records=$(topic records write)
dead_letters=$(topic dead-letters write)
commands="topic:$live_name.commands:read (consumer.failing|$live_name.commands).*authorization.failed authorization"
group="group:$live_name:read GROUP_AUTHORIZATION_FAILED Group"
transactions="transactional-id:$live_name-*:write TRANSACTIONAL_ID_AUTHORIZATION_FAILED Transactional"
needed=("$replies" "$elsewhere" "$records" "$dead_letters" "$commands" "$group" "$transactions")
cases=("$replies" "$commands" "$transactions")
# A worker does not wait for the right to a topic that commands name: reply_topics.sh.
! faults_all || cases=("$replies" "$records" "$dead_letters" "$commands" "$group" "$transactions")

# The lines that the worker has written since its log had so many.
since() {
    tail -n "+$(($1 + 1))" "${worker_logs[one]}"
}
says() {
    since "$1" | grep -E '^[^ ]+ level=(warning|error) ' | grep -iE -- "$2" | grep -qiF -- "$3"
}
# Warnings that say what an earlier one has said, but for numbers.
repeated() {
    since "$1" | grep -E ' level=(warning|error) ' | sed -E 's/^[^ ]+ //; s/[0-9]+//g' | sort | uniq -d
}
log_length() {
    wc -l <"${worker_logs[one]}"
}

# ---- at the start: no right at all ----

criterion "not authorized at the start" "the daemon waits, says so once, and answers within 30 s of being allowed"
live_intake check >"$suite_folder/said" 2>&1
check_equal "a user without rights can reach the broker" 0 $?
for topic in commands replies elsewhere records definitions dead-letters; do
    check "and is told that it cannot see $topic" \
        grep -q "^right   warning: $live_name.$topic: .*may not see the topic" "$suite_folder/said"
done
check "and that it may not read the group" grep -q "^right   warning: $live_name: .*Read the group" "$suite_folder/said"
check "and that it may not use its transactional ids" \
    grep -q "^right   warning: .*-check: .*transactional ids" "$suite_folder/said"
worker_start one
produce 0 500
check "it says that it may not read the definitions" eventually says 0 'definitions cannot be read' \
    "$live_name.definitions: Broker: Topic authorization failed"
check "it may read them" acl grant "topic:$live_name.definitions:read"
check "it says that it may not use its transactional id" eventually says 0 TRANSACTIONAL_ID_AUTHORIZATION_FAILED Transactional
sleep 3
check_equal "it repeats nothing" "" "$(repeated 0)"
check "nothing was answered" grep -q ' 0 replies' <(oracle count)
check "all other rights are granted" acl grant "${needed[@]%% *}" "topic:$live_name.records:read"
check_tells() {
    live_intake check --set "kafka.producer.transactional.id=$live_name-x" >"$suite_folder/said" 2>&1
    grep "$1" "$suite_folder/said"
}
check_equal "check misses no right" "" "$(check_tells '^right ')"
check_equal "check says that it may not see the settings of the topics" 6 "$(check_tells '^topic   unknown' | grep -c DescribeConfigs)"
check "commands are answered within 30 s" oracle await 30

# ---- all of a sudden ----

next=500
for case in "${cases[@]}"; do
    read -r right code name <<<"$case"
    criterion "not authorized, $right" "nothing is lost or rejected, the lack is told once, 15 s after the grant all is answered"
    length=$(log_length)
    check "$right is revoked" acl revoke "$right"
    produce "$next" 500
    next=$((next + 500))
    check "$right: the lack is told" eventually says "$length" "$code" "$name"
    sleep 3
    check_equal "$right: it repeats nothing" "" "$(repeated "$length")"
    check "$right: the daemon lives" process_runs "${worker_pids[one]}"
    check "$right: it is granted again" acl grant "$right"
    check "$right: all is answered within 15 s" oracle await 15
done

criterion "a retry of dead letters without the right to write commands" "it sends nothing, and ends with 69 and the reason; with the right it sends the letter"
check "a topic of letters" "$BUILD/tests/faults/topic_config" "$kafka_address" create "$live_name.letters-" "" 1
check "which may be read and written" acl grant "topic:$live_name.letters-0:read" "topic:$live_name.letters-0:write"
echo 'no command' | kcat -P -b "$kafka_address" -t "$live_name.letters-0" -k ws-1 -H "dlq-topic=$live_name.commands" \
    -H dlq-partition=0 -H dlq-offset=7 -H dlq-code=refused || suite_fail "a letter is sent"
retry() {
    timeout 120 "$BUILD/client-intake" dead-letters retry --apply --code refused --config "$live_config" \
        --set "kafka.producer.transactional.id=$live_name-x" --set "dead_letters.topic=$live_name.letters-0" >"$suite_folder/retry" 2>"$suite_folder/retry-error"
}
retry
check_equal "it ends with 69, and nothing is sent" "69 0" "$? $(grep -c ': sent to ' "$suite_folder/retry")"
check "it says why" grep -qi '^client-intake.*authorization failed' "$suite_folder/retry-error"
check "commands may be written" acl grant "topic:$live_name.commands:write"
retry
check_equal "with the right the letter is sent" "0 1" "$? $(grep -c ': sent to ' "$suite_folder/retry")"
criterion "send without the right to read replies" "it ends with 69, names the command, and says why"
timeout 60 "$BUILD/client-intake" send --timeout 5s --config "$live_config" <<<'no command' >"$suite_folder/output" 2>"$suite_folder/send-error"
check_equal "it ends with 69, and names the command" "69 1" \
    "$? $(grep -cE "^client-intake send: line 1 has no reply: $live_name.commands/[0-9]+/[0-9]+$" "$suite_folder/send-error")"
check "it says why" grep -qi "^client-intake send: the last error when replies were read from $live_name.replies: .*authorization failed" "$suite_folder/send-error"
live_sent=$((live_sent + 1))
check "commands may not be written" acl revoke "topic:$live_name.commands:write"
live_sent=$((live_sent + 1))

# ---- check names each right that is missing, also where the topic may be seen ----

# asks_for_operations: librdkafka can ask the broker what the user may do; before 2.3 only rights to read can be found out.
asks_for_operations() {
    local version
    version=$("$BUILD/client-intake" --version | awk '$1 == "librdkafka" { print $2 }')
    [ "$(printf '2.3.0\n%s\n' "$version" | sort -V | head -n 1)" = 2.3.0 ]
}
rights=(commands:read:Read records:read:Read definitions:read:Read)
! asks_for_operations || rights+=(replies:write:Write elsewhere:write:Write records:write:Write dead-letters:write:Write)
for right in "${rights[@]}"; do
    IFS=: read -r topic operation word <<<"$right"
    check "$topic may be seen" acl grant "topic:$live_name.$topic:describe"
    check "$operation of $topic is revoked" acl revoke "topic:$live_name.$topic:$operation"
    check_equal "check tells that right and no other" \
        "right   warning: $live_name.$topic: run needs the right to $word" "$(check_tells '^right ' | sed -E 's/ (the|to the) topic$//')"
    check "$operation of $topic is granted" acl grant "topic:$live_name.$topic:$operation"
done
if asks_for_operations; then
    check "the group may be seen" acl grant "group:$live_name:describe"
    check "reading the group is revoked" acl revoke "group:$live_name:read"
    check_equal "check tells that right and no other" "right   warning: $live_name: run needs the right to Read the group" \
        "$(check_tells '^right ')"
    check "reading the group is granted" acl grant "group:$live_name:read"
fi
live_end 60

#!/usr/bin/env bash
# docs/what-would-change.md on a real Apache Kafka and Redis: its commands are run in a shell, in their order, and print
# what the page shows, byte for byte. Only the names of the topics differ, which belong to this run.
#
#   tests/documents/what_would_change.sh [--print]
#
# --print: shows the page's commands with what they print now.
. "$(dirname "$0")/../lib/redis.sh" || exit 1
. tests/lib/document.sh

page=$PWD/docs/what-would-change.md
print=${1:-}
document_begin page 28 2

# ---- the history that the page tells of ----

# put_definitions DATE WORKSPACE FILE: to the topic, as of midnight of that day.
put_definitions() {
    printf '0 %s %s %s\n' "$(date -u -d "$1" +%s000)" "$2" "$(jq -c . "$3")" \
        | "$BUILD/tests/documents/send_lines" "$kafka_address" "$name.definitions" || suite_fail "definitions of $2 are put"
}
# Sends the commands of one day, and waits for their replies.
send_day() {
    local partition date key value
    while read -r partition date key value; do
        echo "$partition $(date -u -d "$date" +%s%3N) $key $value"
    done < <(grep -E "^[0-9] $1T" tests/documents/commands.txt) >"$suite_folder/day"
    [ -s "$suite_folder/day" ] || suite_fail "there are commands of $1"
    "$BUILD/tests/documents/send_lines" "$kafka_address" "$name.commands" <"$suite_folder/day" || suite_fail "commands are sent"
    sent=$((sent + $(wc -l <"$suite_folder/day")))
    check "the commands of $1 are answered" eventually is_answered "$sent"
}
is_answered() {
    [ "$(kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$name.replies" -e -q -X isolation.level=read_committed -f '%s\n' | wc -l)" -ge "$1" ]
}
sent=0
client-intake topics create >/dev/null || suite_fail "topics are created"
put_definitions 2025-11-01 acme tests/documents/acme-november-1.json
put_definitions 2025-11-01 globex tests/documents/globex.json
redis_ask SET 'custom-fields:{initech}' "$(jq -c . tests/documents/initech.json)" >/dev/null
client-intake run 2>"$suite_folder/log" &
worker=$!
send_day 2025-11-03
put_definitions 2025-11-04 acme tests/documents/acme-november-4.json
client-intake definitions sync >/dev/null || suite_fail "Redis gets the definitions of 4 November"
send_day 2025-11-04
send_day 2025-11-05
kill -TERM "$worker"
wait "$worker"
check_equal "the daemon ends" 0 $?

# ---- the page ----

# A block that begins with "# NAME" is a file of that name.
mkdir "$suite_folder/desk"
awk -v folder="$suite_folder/desk" '/^```sh$/ { getline; file = folder "/" $2 } /^```$/ { file = "" } file { print > file }' "$page"
document_shown "$page" >"$suite_folder/expected"
document_run "$suite_folder/desk" <"$suite_folder/expected" | sed "s/$name\./clients./g" >"$suite_folder/printed"
if [ "$print" = --print ]; then
    cat "$suite_folder/printed"
    exit
fi
check "the page has commands" [ "$(grep -c '^\$ client-intake replay' "$suite_folder/expected")" -ge 8 ]
document_compare "$suite_folder/expected" "$suite_folder/printed"

# What the page says without an example.
check_equal "a recorded version is found without Redis" 0 \
    "$(client-intake replay --set redis.address=unix:/nowhere >/dev/null 2>&1; echo $?)"
client-intake replay --set redis.address=unix:/nowhere --definitions current >/dev/null 2>"$suite_folder/error"
check_equal "without Redis present definitions are not known" 69 $?
check_equal "and the error names Redis" "client-intake replay: definitions: Redis: No such file or directory" \
    "$(tail -n 1 "$suite_folder/error")"
suite_end

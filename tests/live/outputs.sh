#!/usr/bin/env bash
# --output json of every command that lists or reports has exactly the names that docs/operations.md documents.
. "$(dirname "$0")/../lib/live.sh" || exit 1

LIVE_CHECKS=41
live_begin 2
LIVE_DEFINITIONS=
seen=$suite_folder/seen
worker_start one

# names COMMAND [ARGUMENT ...]: the lines of the command, whatever its exit code, have the documented names. The words of
# COMMAND are those in the table.
names() {
    local command=$1
    shift
    # shellcheck disable=SC2086
    "$BUILD/client-intake" $command --output json --config "$live_config" "$@" >"$suite_folder/lines" 2>"$suite_folder/error"
    says "$command${*:+ $*}" "$command"
}

# says WHAT COMMAND: the lines in the file.
says() {
    local fault
    if fault=$(/usr/bin/python3 tests/lib/output_names.py lines "$seen" "$2" <"$suite_folder/lines" 2>&1); then
        suite_pass "$1: its names are documented"
    else
        suite_fail "$1: its names are documented" "$fault: $(tail -n 1 "$suite_folder/error")"
    fi
}

# The test itself is tested.
refuses() {
    ! /usr/bin/python3 tests/lib/output_names.py lines "$suite_folder/none" "$1" <<<"$2" 2>/dev/null
}
check "a name too many is refused" refuses "topics create" '{"topic":"a","result":"exists","partition":1}'
check "a name too few is refused" refuses "topics create" '{"topic":"a"}'
check "a name too many inside is refused" refuses "definitions put" \
    '{"workspaceId":"a","definitions":"b","fields":1,"source":{"topic":"t","partition":0,"offset":0,"at":0},"result":"stored"}'
check "no line is refused" refuses "topics create" ''

# ---- check, topics, definitions ----

names check
names check --set redis.address=unix:/does/not/exist
names check --set log.level=loud
names "topics create" --set "replies.topic=$live_name.more"
names "topics create" --set "replies.topic=$live_name.many" --set topics.replication=99
echo '[{"key":"a","type":"colour"}]' >"$suite_folder/faulty"
names "definitions put" acme tests/live/definitions.json
names "definitions put" acme "$suite_folder/faulty"
names "definitions lint" tests/live/definitions.json
names "definitions lint" "$suite_folder/faulty"
redis_ask SET 'custom-fields:{broken}' x >/dev/null
names "definitions list"
printf 'acme\x1fbroken' | kcat -P -b "$kafka_address" -X partitioner=murmur2_random -t "$live_name.definitions" -K $'\x1f'
printf 'acme\x1f' | kcat -P -b "$kafka_address" -X partitioner=murmur2_random -t "$live_name.definitions" -K $'\x1f' -Z
names "definitions history" acme
names "definitions sync"

# ---- send ----

command_line() {
    printf '{"commandId":"%s","workspaceId":"ws-1","givenName":"A","familyName":"B","email":"%s@example.com","customFields":{%s}}\n' \
        "$1" "$2" "${3:-\"services\":[\"fileSharing\"]}"
}
{
    command_line c-1 a
    command_line c-2 a
    command_line c-3 'b b'
    command_line c-5 d '"extra":"x"'
    echo 'no JSON'
    head -c 17000000 /dev/zero | tr '\0' x
    echo
} >"$suite_folder/commands"
names send "$suite_folder/commands"
check_equal "the summary comes last" '{"sent":5,"unsent":1,"answered":5,"rejected":4,"unanswered":0}' "$(tail -n 1 "$suite_folder/lines")"
worker_stop one
command_line c-4 c >"$suite_folder/commands"
names send --timeout 1s "$suite_folder/commands"
check_equal "a command without a reply is named" '1 unanswered' "$(jq -r 'select(.line) | "\(.line) \(.result)"' "$suite_folder/lines")"
check_equal "the unanswered are counted" '{"sent":1,"unsent":0,"answered":0,"rejected":0,"unanswered":1}' "$(tail -n 1 "$suite_folder/lines")"

# ---- replay ----

jq '(.data // .) | map(select(.key != "services")) + [{key: "extra", type: "text"}]' tests/live/definitions.json >"$suite_folder/changed"
names replay --diff --definitions "ws-1=$suite_folder/changed"
check "the replay had something to tell" [ "$(jq -s 'map(select(.changes)) | length' "$suite_folder/lines")" -gt 0 ]
names replay --to offset:2 --from offset:1 --allow-gaps
names "replay --apply" --name once --replies "$live_name.more"
names "replay --apply" --name part --to offset:1 --replies "$live_name.more"

# ---- dead letters ----

worker_start one
printf 'not JSON \377' >"$suite_folder/value"
kcat -P -b "$kafka_address" -t "$live_name.commands" -k $'\376key' -H $'na\375me=x' -H $'value=\374' "$suite_folder/value"
kcat -P -b "$kafka_address" -t "$live_name.commands" -k ws-1 -H name=x <<<'not JSON either'
letters_are() {
    [ "$("$BUILD/client-intake" dead-letters list --output json --config "$live_config" | wc -l)" -eq "$1" ]
}
check "there are letters" eventually letters_are 3
names "dead-letters list --group"
"$BUILD/client-intake" dead-letters list --output json --config "$live_config" | jq -r '"\(.partition)/\(.offset)"' >"$suite_folder/places"
while read -r place; do
    names "dead-letters show" "$place"
    jq -c '[.headers[] | select(.name != null) | {key: .name, value: (.value // "")}] | from_entries' "$suite_folder/lines" >>"$suite_folder/headers"
done <"$suite_folder/places"
check "their headers agree with docs/schemas" /usr/bin/python3 tests/lib/schemas.py letters "$suite_folder/headers"
names "dead-letters retry" --limit 2
names "dead-letters retry" --limit 2 --apply
check "the retried ones are letters again" eventually letters_are 5
names "dead-letters list"

fault=$(/usr/bin/python3 tests/lib/output_names.py seen "$seen" 2>&1)
check_equal "every documented name was seen" "" "$fault"

# ---- a full standard output ----

# full COMMAND ARGUMENT ...: it ends with 69, and one line says why.
full() {
    # shellcheck disable=SC2086
    "$BUILD/client-intake" $1 --config "$live_config" "${@:2}" >/dev/full 2>"$suite_folder/error"
    check_equal "$*, standard output is full" "69 1" \
        "$? $(grep -cE '^client-intake[ a-z-]*: standard output: No space left on device' "$suite_folder/error")"
}
command_line c-9 i >"$suite_folder/commands"
read -r place <"$suite_folder/places"
for form in text json; do
    full check --output $form
    full "topics create" --output $form
    full "definitions put" --output $form acme tests/live/definitions.json
    full "definitions get" --output $form acme
    full "definitions list" --output $form
    full "definitions history" --output $form acme
    full "definitions sync" --output $form
    full send --output $form "$suite_folder/commands"
    full send --output $form --ordered "$suite_folder/commands"
    full replay --output $form --diff
    full "dead-letters list" --output $form
    full "dead-letters list" --output $form --group
    full "dead-letters show" --output $form "$place"
    full "dead-letters retry" --output $form "$place"
    full "dead-letters retry" --output $form "$place" --apply
done
full "dead-letters show" --raw "$place"
full "dead-letters show" --hex "$place"
full send --no-wait --output json "$suite_folder/commands"
worker_stop one
live_compare_schemas
suite_end

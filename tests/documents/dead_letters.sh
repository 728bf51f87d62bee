#!/usr/bin/env bash
# docs/dead-letters.md on a real Apache Kafka and Redis: its commands are run in a shell, in their order, and print what
# the page shows. Only times and the names of the topics differ, which belong to this run.
#
#   tests/documents/dead_letters.sh [--print]
#
# --print: shows the page's commands with what they print now.
. "$(dirname "$0")/../lib/redis.sh" || exit 1
. tests/lib/document.sh

page=$PWD/docs/dead-letters.md
print=${1:-}
document_begin letters 17 1

# ---- the commands that the page tells of ----

# send VALUE [KCAT OPTION ...]
send() {
    printf '%s' "$1" >"$suite_folder/value"
    kcat -P -b "$kafka_address" -t "$name.commands" -k acme "${@:2}" "$suite_folder/value" || suite_fail "a command is sent"
}
client-intake topics create >/dev/null || suite_fail "topics are created"
send '{"commandId": "import-7/001", "givenName": "Ada", "familyName": "Lovelace", "email": "ada@example.com",}' -H correlation-id=17
for number in 1 2 3 4; do send "Ada;Lovelace;ada$number@example.com"; done
send "$(printf '%262145s' '')"
# The daemon begins when all are there, so that their letters are one transaction, without a marker between them.
client-intake run 2>"$suite_folder/worker.log" &
worker=$!
rows() {
    client-intake dead-letters list --output json "$@"
}
has_letters() {
    [ "$(rows | wc -l)" -eq 6 ]
}
check "each command is a letter" eventually has_letters

# ---- the page ----

# An editor: it removes the comma that is too much.
vi() {
    sed -i 's/,}$/}/' "$1"
}
# Readers look at the outcome of a retry when there is one.
document_after() {
    [[ $1 != *--apply* ]] || eventually has_outcomes
}
has_outcomes() {
    rows | jq -e -s '[.[].retried[].outcome] | length > 0 and all(. != null)'
}
# What differs from run to run.
without_times() {
    sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/TIME/g; s/^(  dlq-timestamp: )[0-9]+$/\1TIMESTAMP/'
}
mkdir "$suite_folder/desk"
document_shown "$page" >"$suite_folder/shown"
document_run "$suite_folder/desk" <"$suite_folder/shown" | sed "s/$name\./clients./g" >"$suite_folder/printed"
if [ "$print" = --print ]; then
    cat "$suite_folder/printed"
    exit
fi
check "the page has commands" [ "$(grep -c '^\$ client-intake dead-letters' "$suite_folder/shown")" -ge 7 ]
without_times <"$suite_folder/shown" >"$suite_folder/expected"
without_times <"$suite_folder/printed" >"$suite_folder/found"
document_compare "$suite_folder/expected" "$suite_folder/found"

# What the page says without an example: the members of --output json, in their order.
members() {
    sed -nE "s/^\| \`$1\` \| (.*) \|$/\1/p" "$page" | sed -E "s/\([^)]*\)//g; $2" | grep -oE '`[a-zA-Z]+`' | tr -d '`' | xargs
}
keys() {
    jq -r 'keys_unsorted | join(" ")' | sort -u
}
check_equal "the members of list" "$(members list)" "$(rows | keys)"
check_equal "those of a retried letter" "$(sed -nE 's/^\| `list` \|.*`retried` \(a list of ([^)]*)\).*/\1/p' "$page" | tr -d '`,')" \
    "$(rows | jq -c '.retried[]' | keys)"
check_equal "the members of a group" "$(members 'list --group')" "$(rows --group | keys)"
check_equal "the members of show" "$(members show)" "$(client-intake dead-letters show 0/0 --output json | keys)"
check_equal "the members of retry" "$(members retry 's/; last .*//')" \
    "$(client-intake dead-letters retry --output json | jq -c 'select(.result)' | keys)"
check_equal "those of its last line" "$(members retry 's/.*; last //')" "$(client-intake dead-letters retry --output json | tail -n 1 | keys)"

kill -TERM "$worker"
wait "$worker"
check_equal "the daemon ends" 0 $?
suite_end

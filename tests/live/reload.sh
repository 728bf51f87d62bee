#!/usr/bin/env bash
# HUP: limits, validation and the log level are read again, nothing else; a config with errors changes nothing.
. "$(dirname "$0")/../lib/live.sh" || exit 1

LIVE_CHECKS=14
LIVE_COMPRESSION=producer # the broker takes compressed batches of any size
live_begin 1
log=$suite_folder/one.log

# has_verdict ID: the reply to the command is there; its code, or "created", is $verdict.
has_verdict() {
    verdict=$(kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$live_name.replies" -o beginning -e -q \
        -X isolation.level=read_committed 2>/dev/null | jq -r --arg id "$1" 'select(.commandId == $id) | .error.code // "created"')
    [ -n "$verdict" ]
}
# answered ID CODE WHAT: the command gets a reply with this code, or "created".
answered() {
    eventually has_verdict "$1"
    check_equal "$3" "$2" "$verdict"
}
# A reload counts from the next batch on, and one may have begun. Each try is a command of its own.
tries=0
unknown_members_are_ignored() {
    tries=$((tries + 1))
    command "try-$tries" ',"nickname":"A"'
    eventually has_verdict "try-$tries"
    [ "$verdict" = created ]
}
# command ID [MEMBERS]
command() {
    echo "{\"commandId\":\"$1\",\"workspaceId\":\"ws-1\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"$1@example.com\"$2}" \
        | kcat -b "$kafka_address" -P -t "$live_name.commands"
}
logged() { grep -qF "$1" "$log"; }
times_logged() { [ "$(grep -cF "$1" "$log")" -eq "$2" ]; }
reload() { kill -HUP "${worker_pids[one]}"; }
long=,\"companyId\":\"$(head -c 200 /dev/zero | tr '\0' x)\",\"customFields\":{}$(head -c 1200000 /dev/zero | tr '\0' ' ')

worker_start one
command a ',"nickname":"A"'
answered a validation_failed "an unknown member is an error at first"

cat >>"$live_config" <<EOF
[validation]
unknown_attributes = ignore
[limits]
command_bytes = 2 MiB
[log]
level = debug
[batch]
commands = 10
EOF
reload
check "a reload is logged" eventually logged "the config is reloaded"
check "a key that needs a restart is named" eventually logged "key=batch.commands"
check "an unknown member is ignored after the reload" eventually unknown_members_are_ignored
# The broker accepts a message of this size only if it is compressed.
echo "{\"commandId\":\"c\",\"workspaceId\":\"ws-1\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"c@example.com\"$long}" \
    | kcat -b "$kafka_address" -P -t "$live_name.commands" -X message.max.bytes=4000000 -z gzip
answered c created "a longer command is taken after the reload"
check "the log level is debug" eventually logged level=debug

sed -i 's/= ignore/= whatever/' "$live_config"
reload
check "a config with errors is refused" eventually logged "the config is not reloaded"
check_equal "all output is events of the log" "" "$(grep -v '^time=' "$log")"
check "and its error is named" eventually logged "validation.unknown_attributes must be"
command d ',"nickname":"A"'
answered d created "then nothing changes"
check "one reload succeeded" times_logged "the config is reloaded" 1
worker_stop one
live_compare_schemas
suite_end

#!/usr/bin/env bash
# A claim that was withdrawn (its client did not fit, or an earlier command has displaced it) comes back with an older state
# of Redis, such as that of a replica that is promoted, or of a file that lost its end. It must not keep id and email.
#
# withdrawn_claims_cluster.sh does the same on a Redis Cluster.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
[ -z "${on_cluster:-}" ] || withdrawn_on_cluster

LIVE_WORKSPACES=1
LIVE_CHECKS=32
live_begin 2
commands=$live_name.commands
replies() { kcat -C -b "$kafka_address" -X fetch.wait.max.ms=10 -t "$live_name.replies" -o beginning -e -q -X isolation.level=read_committed; }
replies_to() { replies | jq -c "select(.commandId == \"$1\")"; }
is_answered() { [ "$(replies_to "$1" | wc -l)" -ge "${2:-1}" ]; }
last_reply() { replies_to "$1" | jq -cs 'max_by(.source.offset)'; }
verdict() { last_reply "$1" | jq -r '.error.code // .type'; }
# send WORKSPACE ID EMAIL [MEMBERS]
send() {
    echo "{\"commandId\":\"$2\",\"workspaceId\":\"$1\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"$3\"${4:-}}" \
        | kcat -P -b "$kafka_address" -t "$commands" -p 0
}
if [ -z "${on_cluster:-}" ]; then
    keep_state() {
        redis_ask SAVE >/dev/null && cp "$suite_folder/redis/dump.rdb" "$suite_folder/state.rdb"
    }
    back_to_state() {
        redis_kill
        cp "$suite_folder/state.rdb" "$suite_folder/redis/dump.rdb"
        redis_start
    }
    rebuilds() { grep -c 'event="the rebuild of Redis begins"' "$suite_folder/one.log"; }
    has_caught_up() { grep -q 'event="Redis has caught up"' "$suite_folder/one.log"; }
fi
had_another_rebuild() { [ "$(rebuilds)" -gt "$1" ]; }

criterion "a worker that is killed between its commit and its checkpoint" "nothing was withdrawn, so Redis catches up without a whole rebuild"
send ws-0 first first@example.com
static_worker_start one
check "a command is answered" eventually is_answered first
worker_stop one
before=$(rebuilds)
send ws-0 second second@example.com
deadly_worker_start one after-commit 0
deadly_worker_dies one after-commit 40
static_worker_start one
send ws-0 third third@example.com
check "the next command is answered" eventually is_answered third
check "Redis has caught up" has_caught_up
check_equal "without a whole rebuild" "$before" "$(rebuilds)"
worker_stop one

criterion "an older state of Redis, with the claim of a client that did not fit" "its email is free, and its command is judged again"
check "the record topic gets a limit of 3,000 bytes" "$BUILD/tests/faults/topic_config" "$kafka_address" set "$live_name.records" max.message.bytes=3000
large=",\"companyIds\":[$(printf '"company-%020d",' {1..200} | sed 's/,$//')]"
deadly_signal=STOP deadly_worker_start one after-claim 0
send ws-0 large one@example.com "$large"
check "the worker is frozen with its claim" eventually worker_is_stopped one
check "the state of Redis is kept" keep_state
kill -CONT "${worker_pids[one]}"
check "the command is answered" eventually is_answered large
check_equal "as too large" too_large "$(verdict large)"
before=$(rebuilds)
check "Redis is as it was" back_to_state
send ws-0 large one@example.com "$large"
check "the same command is answered again" eventually is_answered large 2
check_equal "as too large, not as a duplicate" too_large "$(verdict large)"
send ws-0 small one@example.com
check "another one with its email is answered" eventually is_answered small
check_equal "as created" client.created "$(verdict small)"
check "Redis was rebuilt" had_another_rebuild "$before"
worker_stop one

criterion "an older state of Redis, with a claim that an earlier command has displaced" "the earlier command keeps the email, the later one has no client"
fields=',"customFields":{"pronouns":"she"}'
send late late-1 late@example.com "$fields"
send late late-2 late@example.com
deadly_worker_start one after-claim 0
deadly_worker_dies one after-claim 40
check "the state of Redis is kept" keep_state
live_intake definitions put late tests/live/definitions.json >/dev/null || suite_fail "definitions put"
static_worker_start one
check "both are answered" eventually is_answered late-2
check_equal "the earlier one has the email" client.created "$(verdict late-1)"
check_equal "the later one not" email_taken "$(verdict late-2)"
before=$(rebuilds)
check "Redis is as it was" back_to_state
send late late-2 late@example.com
check "the later one is answered again" eventually is_answered late-2 2
check_equal "as before" email_taken "$(verdict late-2)"
check_equal "since the earlier one has it" "$(last_reply late-1 | jq -r .client.id)" "$(last_reply late-2 | jq -r .error.existingClientId)"
check "Redis was rebuilt" had_another_rebuild "$before"
worker_stop one
suite_end

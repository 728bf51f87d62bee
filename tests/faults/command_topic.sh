#!/usr/bin/env bash
# A command topic whose log is not the one that was read before: deleted and created again, trimmed, or with committed
# offsets that do not fit it.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
. tests/lib/poison.sh

criterion "the command topic is deleted and created again, under the worker and while it is down, with fewer, as many, and more commands than before" \
    "every command of the new topic is answered, within 30 s, exactly once if the topic was quiet; a client of the old topic keeps its email"
criterion "records of the command topic are deleted, before and behind what is answered" "every command that is left is answered"
criterion "committed offsets lie far beyond the end, or are set back" \
    "every command that comes is answered, and each is judged in its turn"

LIVE_WORKSPACES=1
LIVE_CHECKS=131
commands=

# lines TAG COUNT: commands TAG-0 and on, each with an id and an email of its own.
lines() {
    local number
    for ((number = 0; number < $2; number++)); do
        echo "{\"commandId\":\"$1-$number\",\"workspaceId\":\"ws-0\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"$1-$number@example.com\"}"
    done
}

# send TAG COUNT [PARTITION]
send() {
    lines "$1" "$2" | send_lines "${3:-0}"
}

send_lines() {
    kcat -P -b "$kafka_address" -t "$commands" -p "$1" -X topic.metadata.refresh.interval.ms=1000 2>"$suite_folder/kcat" \
        || suite_fail "commands are sent" "$(cat "$suite_folder/kcat")"
}

# Each reply as "commandId verdict", verdict being "created", "duplicate" or the error's code. What has come since the last
# look is added to a file, with its offset: reading thousands takes seconds.
replies() {
    local known=$suite_folder/replies last
    last=$(tail -n 1 "$known" 2>/dev/null | cut -d' ' -f1)
    kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$live_name.replies" -p 0 -e -q -o $((${last:--1} + 1)) \
        -X isolation.level=read_committed -f '%o %h %s\n' 2>/dev/null \
        | sed -nE 's/^([0-9]+) .*duplicate=true.*"commandId":"([^"]*)".*/\1 \2 duplicate/p; t; s/^([0-9]+) .*"type":"client.created","commandId":"([^"]*)".*/\1 \2 created/p; s/^([0-9]+) .*"commandId":"([^"]*)".*"error":\{"code":"([a-z_]*)".*/\1 \2 \3/p' \
            >>"$known"
    cut -d' ' -f2- "$known"
}

# How many commands of a tag have been answered, and how often at most.
answered() {
    replies | awk -v tag="$1-" 'index($0, tag) == 1 { if (++seen[$1] == 1) ids++; if (seen[$1] > most) most = seen[$1] }
        END { print ids + 0, most + 0 }'
}

has_answered() {
    local count
    read -r count _ < <(answered "$1")
    [ "$count" -ge "$2" ]
}

# has_answered_each ID ...: twice each.
has_answered_each() {
    local id
    for id in "$@"; do [ "$(verdicts "$id" | wc -w)" -ge 2 ] || return 1; done
}

# all_answered WHAT TAG COUNT [often]: each once, unless it may be answered more often.
all_answered() {
    local count most
    if ! until_true 40 has_answered "$2" "$3"; then
        suite_fail "$1: all of $3 are answered" "only $(answered "$2" | cut -d' ' -f1)"
        tail -n 15 "${worker_logs[one]}"
        return
    fi
    suite_pass "$1: all of $3 are answered"
    [ -z "${4:-}" ] || return 0
    read -r count most < <(answered "$2")
    check_equal "$1: each once" "$3 1" "$count $most"
}

verdicts() {
    replies | grep "^$1 " | cut -d' ' -f2 | tr '\n' ' '
}

replace() {
    check "the command topic is deleted and created again" topic_config replace "$commands" 1
}

live_begin 1
faults_replaces_topics
faults_own_kafka
commands=$live_name.commands
worker() {
    faults_worker_start one --set worker.threads=1 "$@"
}

# abandon TAG COUNT: commands that are claimed and never committed.
abandon() {
    send "$1" "$2"
    deadly_worker_start one after-claim 0 --set worker.threads=1
    deadly_worker_dies one after-claim 40
    check "$1: the email is claimed" redis_has "client-email:{ws-0}:$1-0@example.com"
    rebuilds_before=$(rebuilds)
}
redis_has() { [ "$(redis_ask EXISTS "$1")" = 1 ]; }
rebuilds() { live_log_count one '"Redis is rebuilt"'; }
# next_worker WHAT TAG: another command gets the email of the first that was abandoned.
next_worker() {
    faults_static_worker_start one --set worker.threads=1
    lines "$2-other" 1 | sed "s/$2-other-0@/$2-0@/" | send_lines 0
    check "$1: a command with the email is answered" until_true 40 has_answered "$2-other" 1
    check_equal "$1: it gets the email" "created " "$(verdicts "$2-other-0")"
    check_equal "$1: Redis is rebuilt, once" 1 $(($(rebuilds) - rebuilds_before))
    worker_stop one
}

criterion "the first batch of the group is claimed, its worker is killed, and the topic is deleted and created again" \
    "Redis is rebuilt once, and another command gets the email"
abandon first 3
replace
next_worker "nothing was committed" first
worker

round=0
# replaced BEFORE AFTER WHAT
replaced() {
    round=$((round + 1))
    send "old$round" "$1"
    all_answered "$3: before" "old$round" "$1" ${4:+often}
    ${5:-true}
    replace
    send "new$round" "$2"
    ${6:-true}
    all_answered "$3: after" "new$round" "$2" ${4:+often}
    replace
    tenths 5
}
down() { worker_stop one; }
up() { worker; }
repeats=$(faults_choose 1 5)
for ((turn = 0; turn < repeats; turn++)); do
    replaced 400 700 "more than before"
    replaced 400 300 "fewer than before"
    replaced 1 2 "one, and two"
    replaced 400 700 "more than before, the worker being down" "" down up
    if faults_all; then
        replaced 400 400 "as many as before"
        replaced 400 300 "fewer than before, the worker being down" "" down up
    fi
done

load=$(faults_choose 6000 20000)
criterion "the topic is replaced while commands come" "all commands of the new one are answered"
for ((turn = 0; turn < $(faults_choose 1 5); turn++)); do
    send "load$turn" "$load"
    until_true 30 has_answered "load$turn" 1
    replace
    send "swap$turn" $((load + load / 4))
    all_answered "replaced under load" "swap$turn" $((load + load / 4)) often
    replace
    tenths 5
done

send keep 20
all_answered "a client that is there" keep 20
replace
{ lines fresh 1; lines other 1 | sed 's/other-0@/keep-15@/'; } | send_lines 0
all_answered "an email of the old topic" fresh 1
check "an email of the old topic: answered" until_true 20 has_answered other 1
check_equal "an email of the old topic is taken still" "email_taken " "$(verdicts other-0)"

criterion "two commands of one id in the new topic, at offsets that were committed in the old one" \
    "the first is judged by itself: what comes behind it was not committed"
{
    lines pair 1 | sed 's/pair-0@/keep-3@/'
    lines pair 1
} | send_lines 0
check "both are answered" until_true 20 eval '[ "$(verdicts pair-0 | wc -w)" -eq 2 ]'
check_equal "the first has the error of its own" "email_taken created " "$(verdicts pair-0)"

criterion "commands without an id in the new topic, at positions from which the old one had created clients" \
    "the same bytes are a duplicate, others a conflict: the position is the id"
without_id() {
    lines "$1" 1 | sed 's/"commandId":"[^"]*",//'
}
replace
{ without_id plain; without_id plainer; } | send_lines 0
check "they are created" until_true 30 eval '[ "$(verdicts "$commands/0/0")$(verdicts "$commands/0/1")" = "created created " ]'
replace
{ without_id plain; without_id plainest; } | send_lines 0
check "both are answered" until_true 30 eval '[ "$(verdicts "$commands/0/1" | wc -w)" -eq 2 ]'
check_equal "the same bytes" "created duplicate " "$(verdicts "$commands/0/0")"
check_equal "other bytes" "created command_id_conflict " "$(verdicts "$commands/0/1")"
replace
tenths 5
send filler 4
all_answered "a new topic" filler 4

criterion "records are deleted" "what is left is answered, and nothing twice"
worker_stop one
send trim 300
topic_config trim "$commands" 0 104 || suite_fail "records before the offset are deleted"
worker
check "those that are left are answered" until_true 30 has_answered trim 200
tenths 10
check_equal "and no others" "200 1" "$(answered trim)"
topic_config trim "$commands" 0 200 || suite_fail "records that were answered are deleted"
send behind 50
all_answered "behind a trim" behind 50
worker_stop one

criterion "a worker is killed between a claim and its commit, and the command is gone before the next worker comes" \
    "Redis is rebuilt once, and another command gets the email"
log_end() { topic_config offsets "$live_name" "$commands" 1 | cut -d' ' -f3; }
group_offset() { topic_config offsets "$live_name" "$commands" 1 | cut -d' ' -f2; }

abandon trimmed 3
topic_config trim "$commands" 0 "$(log_end)" || suite_fail "records that were claimed are deleted"
next_worker "its records are deleted" trimmed

abandon replaced 3
replace
next_worker "its topic is replaced" replaced

# Until Redis is rebuilt, the group's offset stays in front of the loss. The epoch comes back with a replica, say, that
# did not have its end yet.
abandon twice 3
topic_config trim "$commands" 0 "$(log_end)" || suite_fail "records that were claimed are deleted"
offset=$(group_offset) epoch=$(redis_ask GET client-intake:epoch)
deadly_worker_start one rebuild-begun 0 --set worker.threads=1
deadly_worker_dies one rebuild-begun 40
check_equal "killed in the rebuild: the offset is as it was" "$offset" "$(group_offset)"
left=$(redis_ask PTTL client-intake:rebuild)
check "the lock of the killed worker ends by itself, in $left ms" [ "$left" -gt 0 -a "$left" -le 60000 ]
redis_ask PEXPIRE client-intake:rebuild 300 >/dev/null
redis_ask SET client-intake:epoch "$epoch" >/dev/null
next_worker "its records are deleted, and the next worker is killed, too" twice

# Nobody comes to the commands that are passed over. One of them is sent again, and its old claim is no client.
abandon passed 3
check "offsets are set forward, once the killed worker is gone" \
    eventually topic_config commit "$live_name" "$commands" 0 "$(log_end)"
lines passed 2 | tail -n 1 | send_lines 0
next_worker "the group's offset is set forward" passed
check "one that was passed over is sent again: it is answered" until_true 40 has_answered passed 1
check_equal "it makes its client" "created " "$(verdicts passed-1)"

criterion "committed offsets beyond the end" "as above"
check "offsets are set, once the static member is gone" eventually topic_config commit "$live_name" "$commands" 0 5354
{
    lines far 1 | sed 's/far-0@/keep-4@/'
    lines far 1
} | send_lines 0
worker
check "both are answered" until_true 30 eval '[ "$(verdicts far-0 | wc -w)" -eq 2 ]'
check_equal "the first has the error of its own" "email_taken created " "$(verdicts far-0)"
send beyond 30
all_answered "beyond" beyond 30

criterion "committed offsets beyond the end, and a transaction that is undone" "as above"
worker_stop one
check "replies are bounded" topic_config set "$live_name.replies" max.message.bytes=10000
{ lines undone 30; } | send_lines 0
lines large 1 | kcat -P -b "$kafka_address" -t "$commands" -p 0 -H "correlation-id=$(head -c 20000 /dev/zero | tr '\0' x)" \
    || suite_fail "a command with a long echo is sent"
topic_config commit "$live_name" "$commands" 0 9223372036854775807 || suite_fail "offsets are set"
worker
all_answered "beyond, with a refused reply" undone 30
all_answered "the refused one" large 1

criterion "committed offsets are set back" "the commands are answered again, as what they are"
offset=$(group_offset)
send again 50
all_answered "before that" again 50
worker_stop one
topic_config commit "$live_name" "$commands" 0 "$offset" || suite_fail "offsets are set back"
worker
check "again" until_true 30 eval '[ "$(answered again | cut -d" " -f2)" -ge 2 ]'
check_equal "the same client once more" "created" "$(replies | grep '^again-7 ' | cut -d' ' -f2 | sort -u | grep -v duplicate)"
worker_stop one

criterion "Redis is restored from an old file, and the group's offset is set back to the very checkpoint of that file" \
    "the loss is noticed: a client that was committed keeps its email, also against an earlier command"
# What the first command needs comes only after it was refused; by then the second has the email.
late_lines() {
    local number fields=',"customFields":{"pronouns":"she"}'
    for number in 1 2; do
        echo "{\"commandId\":\"late-$number\",\"workspaceId\":\"late\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"late@example.com\"$fields}"
        fields=
    done
}
redis_ask SAVE >/dev/null
cp "$suite_folder/redis/dump.rdb" "$suite_folder/old.rdb"
checkpoint=$(redis_ask GET "client-intake:checkpoint:$commands/0" | cut -d, -f1)
late_lines | send_lines 0
worker
check "both are answered" until_true 30 has_answered late 2
check_equal "the first is refused" "definitions_missing " "$(verdicts late-1)"
check_equal "the second has the email" "created " "$(verdicts late-2)"
worker_stop one
live_intake definitions put late tests/live/definitions.json >/dev/null || suite_fail "definitions put"
redis_kill
cp "$suite_folder/old.rdb" "$suite_folder/redis/dump.rdb"
redis_start
check "Redis is as it was" redis_has "client-intake:checkpoint:$commands/0"
topic_config commit "$live_name" "$commands" 0 "$checkpoint" || suite_fail "offsets are set back"
worker
check "both are answered again" until_true 30 has_answered_each late-1 late-2
check_equal "the first does not get the email" "definitions_missing email_taken " "$(verdicts late-1)"
check_equal "the second is there still" "created created " "$(verdicts late-2)"
worker_stop one

criterion "the topic is replaced, its commands so far having no text by which the log could be told: no client can decompress them, their offsets are wrong, or they are gone" \
    "every command of the new one is answered, also those at offsets of the old one"
# A batch that a worker cannot decompress: so many commands, over limits.command_bytes.
send_unreadable() {
    head -c 300000 /dev/zero | tr '\0' ' ' >"$suite_folder/blanks"
    local number
    for ((number = 0; number < $1; number++)); do
        cat "$suite_folder/blanks"
        echo
    done | kcat -P -b "$kafka_address" -t "$commands" -p 0 -z zstd -X linger.ms=5000 -X "batch.num.messages=$1" \
        -X batch.size=30000000 -X message.max.bytes=30000000 -X topic.metadata.refresh.interval.ms=1000 2>"$suite_folder/kcat" \
        || suite_fail "unreadable commands are sent" "$(cat "$suite_folder/kcat")"
}
# A batch of so many commands whose offsets are far beyond the end.
send_wrong() {
    local number records=()
    for ((number = 0; number < $1; number++)); do records+=("$((1000000 + number))=$(lines "wrong$round" 1)"); done
    "$BUILD/tests/faults/wrong_offsets" "${kafka_address%:*}" "${kafka_address#*:}" "$commands" 0 "${records[@]}" >/dev/null \
        || suite_fail "commands with wrong offsets are sent"
}
reading_worker() {
    faults_static_worker_start one --set worker.threads=1 --set batch.commands=10 \
        --set kafka.consumer.receive.message.max.bytes=2000000 --set kafka.consumer.fetch.max.bytes=1048576 \
        --set kafka.consumer.fetch.error.backoff.ms=100 "$@"
}
frozen() { kill -STOP "${worker_pids[one]}"; }
thawed() { kill -CONT "${worker_pids[one]}"; }
killed() {
    committed=$(topic_config offsets "$live_name" "$commands" 1)
    worker_kill one
}
# The group keeps its offset: it usually goes with the topic, but not if its coordinator is away meanwhile.
revived() {
    local offset metadata
    read -r _ offset _ metadata <<<"$committed"
    check "the committed offset is there, with \"$metadata\"" eventually topic_config commit "$live_name" "$commands" 0 "$offset" "$metadata"
    reading_worker
}
has_committed() { [ "$(group_offset)" = "$1" ]; }
# What the offset's metadata says of the log (log_mark.h). A batch's size is in a text of librdkafka's only.
declare -A mark_patterns=([send_unreadable]=' - 1[0-9]{29}0{0,9}[1-9][0-9]* - ' [send_wrong]=' - 2[0-9]{39} - '
    [send_aborted]=' - 3[0-9]{38} -' [send_deleted]=' - 3[0-9]{38} -')
# replaced_nameless WHAT SEND COUNT BEFORE AFTER: COUNT commands that SEND sends are all that the old topic had.
replaced_nameless() {
    round=$((round + 1))
    replace
    tenths 5
    "$2" "$3"
    check "$1: before" until_true 60 has_committed "$3" || tail -n 15 "${worker_logs[one]}"
    check "$1: with a mark" grep -qE -- "${mark_patterns[$2]}" <(topic_config offsets "$live_name" "$commands" 1)
    "$4"
    replace
    send "new$round" $((3 * $3 + 5))
    "$5"
    all_answered "$1: after" "new$round" $((3 * $3 + 5)) often
}
# COUNT commands, which are deleted before the worker comes.
send_deleted() {
    worker_stop one
    send deleted "$1"
    topic_config trim "$commands" 0 "$1" || suite_fail "all records are deleted"
    reading_worker
}
# COUNT offsets of a transaction that is aborted; the last one is of its marker. The worker comes only then. Otherwise it
# notices at the first command that the topic is another one, since the mark's place has neither a command nor the end.
send_aborted() {
    local producer transaction
    worker_stop one
    mkfifo "$suite_folder/transaction"
    kcat -P -b "$kafka_address" -t "$commands" -p 0 -X transactional.id="$live_name-stranger" -X transaction.timeout.ms=1000 \
        -X batch.num.messages=1 -X topic.metadata.refresh.interval.ms=1000 <"$suite_folder/transaction" >"$suite_folder/stranger" 2>&1 &
    producer=$!
    exec {transaction}>"$suite_folder/transaction"
    { seq $(($1 - 1)); printf '%2048s' ''; } >&"$transaction"
    until_true 20 log_ends_at $(($1 - 1)) || suite_fail "a transaction is sent"
    kill -KILL "$producer"
    wait "$producer" 2>/dev/null
    exec {transaction}>&-
    rm "$suite_folder/transaction"
    echo x | kcat -P -b "$kafka_address" -t "$live_name.dead-letters" -X transactional.id="$live_name-stranger" 2>/dev/null # it aborts the one before
    until_true 20 log_ends_at "$1" || suite_fail "a transaction is aborted"
    reading_worker
}
log_ends_at() {
    [ "$(kcat -Q -b "$kafka_address" -t "$commands:0:-1" -X isolation.level=read_uncommitted 2>/dev/null | sed 's/.*offset //')" -ge "$1" ]
}
reading_worker
replaced_nameless "unreadable, the worker being frozen" send_unreadable 12 frozen thawed
if faults_all; then
    replaced_nameless "unreadable, the worker being killed" send_unreadable 12 killed revived
    replaced_nameless "wrong offsets, the worker being frozen" send_wrong 4 frozen thawed
    replaced_nameless "wrong offsets, the worker being killed" send_wrong 4 killed revived
    replaced_nameless "aborted, the worker being frozen" send_aborted 12 frozen thawed
    replaced_nameless "aborted, the worker being killed" send_aborted 12 killed revived
    replaced_nameless "deleted, the worker being frozen" send_deleted 12 frozen thawed
    replaced_nameless "deleted, the worker being killed" send_deleted 12 killed revived
fi

criterion "a topic of commands that can be read is replaced by one that begins with some that no client can decompress" "as above"
replace
tenths 5
send readable 5
all_answered "before" readable 5
frozen
replace
send_unreadable 12
send behind_unreadable 5
refused=$(verdicts "$commands/0/0")
thawed
all_answered "behind them" behind_unreadable 5 often
check_equal "and they are" "${refused}too_large " "$(verdicts "$commands/0/0")"
worker_stop one
live_compare_schemas
suite_end

#!/usr/bin/env bash
# The oracle is tested, too: a small run that it finds fine, then one fault after the other in copies of what the run left.
# For each it must name the command that suffered and every check that it violates, no more and no less; and no check may
# be without a fault that it sees.
. "$(dirname "$0")/../lib/live.sh" || exit 1

LIVE_CHECKS=126
live_begin 3
worker_start one --set worker.threads=2
produce 0 1500
check "every command gets a reply" oracle await 60
worker_stop one
live_judge
check "the log has a handful of lines, whatever was rejected" [ "$(wc -l <"${worker_logs[one]}")" -le 20 ]
rejected=$(kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$live_name.replies" -o beginning -e -q -f '%s\n' \
    | grep -c '"type":"client.rejected"')
check "more than a tenth of the commands were rejected" [ "$rejected" -ge 150 ]

# The topics, group and count for the next calls of `verdicts`.
world_reset() {
    replies=$live_name.replies elsewhere=$live_name.elsewhere records=$live_name.records letters=$live_name.dead-letters
    group=$live_name sent=$live_sent
}
world_reset

verdicts() {
    "$BUILD/tests/live/oracle" verdicts --bootstrap "$kafka_address" --commands "$live_name.commands" \
        --replies "$replies" --replies "$elsewhere" --records "$records" --dead-letters "$letters" \
        --redis "$redis_socket" --group "$group" --sent "$sent" --wait 1 "${live_validated[@]}" "$@"
}

# The oracle without the group, the count and the output of validate.
oracle_with_less() {
    "$BUILD/tests/live/oracle" judge --bootstrap "$kafka_address" --commands "$live_name.commands" \
        --replies "$replies" --replies "$elsewhere" --records "$records" --dead-letters "$letters" --redis "$redis_socket"
}

# tamper OPTION ...: prints the positions of the commands whose replies, records or dead letters it has changed.
tamper() {
    "$BUILD/tests/live/tamper" --bootstrap "$kafka_address" "$@" | tee "$suite_folder/tampered" | cut -f 1
}

# tampered TOPIC-VARIABLE OPTION ...: replaces the topic by a copy with a fault; sets place to the position and value to the changed value.
copies=0
tampered() {
    local -n topic=$1
    local copy=$live_name.copy-$((copies += 1))
    tamper --from "$topic" --to "$copy" "${@:2}" >"$suite_folder/places" || suite_fail "a fault is tampered: $*"
    topic=$copy
    place=$(head -n 1 "$suite_folder/places")
    value=$(head -n 1 "$suite_folder/tampered" | cut -f 2)
}

# The copies, and what they were made of, as another reader sees them, to distinguish a fault of the oracle from one of this suite.
copies_shown() {
    local topic
    for topic in "$replies" "$elsewhere" "$records" "$letters" "$live_name".{replies,elsewhere,records,dead-letters}; do
        echo "  kcat sees $(kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$topic" -o beginning -e -q -f '%o\n' | wc -l) messages in $topic"
    done
    echo "  asked again: $(verdicts | tr '\t\n' '  ')"
}

# seen WHAT [PLACE=]WORD,... ...: the oracle reports exactly these; place - stands for violations that concern no command. It
# then restores the original topics.
declare -A words_seen=()
seen() {
    local what=$1 expected actual word
    shift
    expected=$(printf '%s\n' "$@" | sort)
    actual=$(verdicts | awk -F '\t' '{ print $1 "=" $3 }' | sort)
    check_equal "$what" "$expected" "$actual"
    [ "$actual" = "$expected" ] || copies_shown
    # shellcheck disable=SC2013 # words are wanted
    for word in $(sed 's/^[^=]*=//; s/,/ /g' <<<"$expected"); do words_seen[$word]=yes; done
    world_reset
}

check_equal "nothing is wrong at first" "" "$(verdicts)"
check_equal "all are ok" "$sent ok" "$(verdicts --all | cut -f 3 | sort | uniq -c | sed 's/^ *//')"
check "commands and their results are counted" grep -qE \
    "^$sent commands, $sent replies, [0-9]+ records, [0-9]+ dead letters$" <(oracle count)
# A machine that is busy is waited for: then it says several times what there is.
check_equal "the wait for a missing reply ends" "$sent replies, of $((sent + 1))" \
    "$(live_sent=$((sent + 1)) oracle await 1 | tail -n 1 | sed 's/ after [0-9]* s//')"
check_equal "checks that were left out are listed" 4 "$(oracle_with_less | grep -c '^left out: ')"

# last_of PLACE: the last command of the same partition.
last_of() {
    local partition=${1#*/} end
    partition=${partition%/*}
    end=$(kcat -b "$kafka_address" -Q -t "$live_name.commands:$partition:-1")
    echo "$live_name.commands/$partition/$((${end##* } - 1))"
}

# ---- replies ----

invalid=(--header ce_causationid=command- --where '"code":"validation_failed"')
tampered replies "${invalid[@]}" --drop
seen "a reply that is missing" "$place=missing,lost"
tampered replies --header ce_causationid=event- --where client.created --drop
seen "a record without a reply" "$place=missing,lost,record-without-reply"
tampered replies "${invalid[@]}" --twice
seen "a reply that is doubled" "$place=doubled,same-id"
tampered replies "${invalid[@]}" --late
seen "a reply that is out of order" "$place=out-of-order"
tampered replies "${invalid[@]}" --without ce_id --with ce_id=another --count 2
seen "a ce_id that is not unique" "$(sort -V "$suite_folder/places" | tail -n 1)=same-id"
tampered replies "${invalid[@]}" --replace '"type":' --by '"type"'
seen "a reply that is no JSON" "$place=missing,lost" "-=reply-form"
tampered replies "${invalid[@]}" --replace '"retryable":false' --by '"retryable":0'
seen "a reply of another form" "$place=reply-form"
tampered replies "${invalid[@]}" --replace '"offset":' --by '"offset":9999'
seen "a reply to no command" "$place=missing,lost" "-=unknown"
for header in content-type=text/plain ce_specversion=1.1 ce_causationid=another ce_type=client.created; do
    tampered replies "${invalid[@]}" --without "${header%%=*}" --with "$header"
    seen "a reply with $header" "$place=reply-headers"
done
tampered replies --where client.created --without ce_subject
seen "a reply without its subject" "$place=reply-headers"
tampered replies --where client.created --header traceparent=00- --without traceparent
seen "a trace that does not come back" "$place=echo"
tampered replies --where client.created --header correlation-id=correlation --without correlation-id --with correlation-id=other
seen "a correlation that comes back altered" "$place=echo"
tampered replies --header ce_causationid=event- --where client.created --key nobody
seen "a reply under another key" "$place=reply-place"
tampered replies "${invalid[@]}" --astray
seen "a reply in another partition" "$place=reply-place"

# ---- outcomes ----

# A client that no other command refers to.
bare=(--header ce_type=client.created --where '"workspaceId":"bare"')

# referred IDS EMAILS: a number N so that command-N and cN@example.com occur so many times in commands.
referred() {
    kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$live_name.commands" -o beginning -e -q -f '%s\n' \
        | grep -aoiE '"(commandId":"command-|email":"c)[0-9]+' | tr '[:upper:]' '[:lower:]' \
        | sed 's/.*command-/id /; s/.*"c/email /' | sort | uniq -c \
        | awk -v ids="$1" -v emails="$2" '{ seen[$2, $3] = $1; numbers[$3] }
            END { for (n in numbers) if (seen["id", n] == ids && seen["email", n] == emails) print n }' \
        | sort -n | head -n 1
}
duplicated='"commandId":"command-'$(referred 2 2)'"' conflicting='"commandId":"command-'$(referred 2 1)'"'
duplicate=(--header duplicate=true --where "$duplicated")

tampered replies "${invalid[@]}" --replace validation_failed --by unsupported_type
seen "another outcome" "$place=wrong-outcome,not-as-validated"
tampered replies "${invalid[@]}" --replace '"retryable":false' --by '"retryable":true'
seen "an error that validate does not see so" "$place=not-as-validated"
tampered replies "${bare[@]}" --replace '"familyName":"Lovelace' --by '"familyName":"Loveless'
seen "a client that is not its record" "$place=not-as-validated,not-the-record"
tampered replies "${bare[@]}" --replace '"customFields":' --by '"customFields": '
seen "a client with other bytes" "$place=not-the-record"
tampered replies --header ce_causationid=event- --where '"object":"client"' --with duplicate=true
seen "a duplicate of itself" "$place=wrong-outcome,no-duplicate,record-without-reply"
tampered replies "${duplicate[@]}" --without duplicate
seen "a duplicate that passes for the first" "$place=wrong-outcome,no-record"
tampered replies --where '"existingClientId":"' --replace '"existingClientId":"' --by '"existingClientId":"0'
seen "an email taken by nobody" "$place=email-not-taken"
tampered replies "${invalid[@]}" --replace validation_failed --by command_id_conflict
seen "a conflict with nobody" "$place=wrong-outcome,no-conflict"

tampered replies "${invalid[@]}" --replace validation_failed --by email_taken
seen "an email taken by a command that validate rejects" "$place=wrong-outcome,not-as-validated,email-not-taken"
tampered replies "${invalid[@]}" --replace '"workspaceId":"' --by '"workspaceId":"x'
seen "another workspace" "$place=not-as-validated"
tampered replies "${invalid[@]}" --replace '"commandId":"' --by '"commandId":"x'
seen "another command id" "$place=reply-headers,not-as-validated"
tampered replies --header ce_causationid=command- --where /customFields/phoneNumber --replace '"definitions":"' --by '"definitions":"x'
seen "other definitions" "$place=not-as-validated"
tampered replies "${invalid[@]}" --replace '"type":"client.rejected"' --by '"type":"client.created"'
tampered replies --where '"type":"client.created","commandId":"'"$(jq -r .commandId <<<"$value")"'"' \
    --replace '"error":'"$(jq -c .error <<<"$value")" --by '"client":{"id":"x"}'
seen "a client that should have been rejected" "$place=reply-headers,wrong-outcome,not-as-validated,no-record"
tampered replies "${duplicate[@]}" --replace '"customFields":' --by '"customFields": '
seen "a duplicate with other bytes" "$place=not-the-record"

# from_another CLIENT PLACE: changes the source of its record to that command; sets first to the original command.
from_another() {
    local other=$place
    tampered records --where "$1" --without source --with "source=$2"
    first=$place place=$other
}
# The client that a reply names, after the copy with its fault was removed.
reply_to() {
    tampered replies "$@"
    world_reset
}
reply_to "${duplicate[@]}"
client=$(jq -r .client.id <<<"$value") last=$(last_of "$place")
from_another "$client" "$last"
seen "a duplicate of a later command" "$place=no-duplicate" "$first=no-record" "$last=record-without-reply,redis-differs"
from_another "$client" nowhere
seen "a duplicate of nothing" "$place=no-duplicate" "$first=no-record" "-=record-without-reply,redis-differs"
reply_to --header ce_type=client.created --where '"commandId":"command-'"$(referred 1 2)"'"'
client=$(jq -r .client.id <<<"$value")
reply_to --where '"existingClientId":"'"$client"
from_another "$client" "$place"
seen "an email taken by its own command" "$place=email-not-taken,record-without-reply,redis-differs" "$first=no-record"
reply_to --header ce_type=client.created --where "$conflicting"
client=$(jq -r .client.id <<<"$value")
reply_to --header ce_type=client.rejected --where "$conflicting"
last=$(last_of "$place")
from_another "$client" "$place"
seen "a conflict with itself" "$place=no-conflict,record-without-reply,redis-differs" "$first=no-record"
from_another "$client" "$last"
seen "a conflict with a later command" "$place=no-conflict" "$first=no-record" "$last=record-without-reply,redis-differs"

# ---- the group ----

# passed_up_to PLACE: a group that has passed the commands before that one in its partition.
passed_up_to() {
    group=$live_name-$((copies += 1))
    tamper --from "$live_name.commands" --group "$live_name" --to "$group" --offset "${1#*/}" || suite_fail "offsets are tampered"
}
last=$(last_of "$live_name.commands/1/0")
passed_up_to "$last"
seen "what is seen but was not committed" "$last=uncommitted"

# ---- records ----

# The client of no later command.
lonely=(--header command-id=event-)
tampered records "${lonely[@]}" --drop
seen "a reply without a record" "$place=no-record" "-=redis-other"
tampered records "${lonely[@]}" --without source --with source=nowhere
seen "a record of no command" "$place=no-record" "-=record-without-reply,redis-differs"
tampered records "${lonely[@]}" --replace '"familyName":"L' --by '"familyName":"l'
seen "a record with other bytes" "$place=not-the-record,redis-differs"
for time in createdAt updatedAt; do
    tampered records "${lonely[@]}" --replace "\"$time\":\"20" --by "\"$time\":\"21"
    seen "a record with another $time" "$place=not-the-record,wrong-time,redis-differs"
done
tampered records "${lonely[@]}" --without command-id
seen "a record without its command id" "$place=record-form"
tampered records "${lonely[@]}" --without command-hash --with command-hash=0
seen "a record with another hash" "$place=redis-differs"
tampered records "${lonely[@]}" --twice
seen "a record that is doubled" "$place=record-doubled"

# ---- dead letters ----

bad=(--header dlq-code=malformed_json)
tampered letters "${bad[@]}" --drop
seen "a dead letter that is missing" "$place=no-dead-letter"
tampered letters "${bad[@]}" --twice
seen "a dead letter that is doubled" "$place=dead-letter-doubled"
tampered letters "${bad[@]}" --where garbage --replace garbage --by Garbage
seen "a dead letter with another value" "$place=dead-letter-altered"
tampered letters "${bad[@]}" --key nobody
seen "a dead letter with another key" "$place=dead-letter-altered"
for header in dlq-code=too_large dlq-timestamp=1 expect=created; do
    tampered letters "${bad[@]}" --without "${header%%=*}" --with "$header"
    seen "a dead letter with $header" "$place=dead-letter-altered"
done
tampered letters "${bad[@]}" --without dlq-offset --with dlq-offset=999999
seen "a dead letter of no command" "$place=no-dead-letter" "-=dead-letter-unknown"

# ---- Redis ----

# in_workspace WORKSPACE NUMBER: sets email, client (the keys) and place of one of its clients.
in_workspace() {
    email=$(redis_ask --scan --pattern "client-email:{$1}:*" | sort | sed -n "$2p")
    client="client:{$1}:$(redis_ask GET "$email")"
    place=$(redis_ask GET "$client" | sed 's/ .*//;q')
}
in_workspace ws-1 1
redis_ask RENAME "$client" kept >/dev/null
seen "a client that Redis lacks" "$place=not-in-redis"
redis_ask COPY kept "$client" >/dev/null
redis_ask APPEND "$client" ' ' >/dev/null
seen "a client with other bytes in Redis" "$place=redis-differs"
redis_ask COPY kept "$client" REPLACE >/dev/null
redis_ask SETRANGE "$client" 0 L >/dev/null
seen "a client with another source in Redis" "$place=redis-differs"
redis_ask RENAME kept "$client" >/dev/null

redis_ask RENAME "$email" kept >/dev/null
seen "an email that Redis lacks" "$place=redis-email"
redis_ask SET "$email" nobody >/dev/null
seen "an email of another client" "$place=redis-email"
redis_ask RENAME kept "$email" >/dev/null

for key in 'client:{ws-1}:nobody' 'client:nobody' 'client-email:{ws-1}:nobody@example.com' 'client-email:{nowhere}:'; do
    redis_ask SET "$key" nobody >/dev/null
    seen "$key that should not be there" "-=redis-other"
    redis_ask DEL "$key" >/dev/null
done
redis_ask SET 'client-intake:anything' x >/dev/null
check_equal "the daemon's own keys do not count as clients" "" "$(verdicts)"

# ---- several at once ----

in_workspace bare 1
first_email=$email first_place=$place
in_workspace bare 2
tampered records --where "${client##*:}" --replace "${email##*:}" --by "${first_email##*:}"
later=$(printf '%s\n' "$first_place" "$place" | sort -V | tail -n 1)
if [ "$later" = "$place" ]; then
    seen "an email of two clients" "$place=not-the-record,email-doubled,redis-differs,redis-email" "-=redis-other"
else
    seen "an email of two clients" "$place=not-the-record,redis-differs,redis-email" "$first_place=email-doubled" "-=redis-other"
fi

lower=(--replace '"familyName":"L' --by '"familyName":"l')
tampered replies --where "${client##*:}" "${lower[@]}"
tampered records --where "${client##*:}" "${lower[@]}"
redis_ask COPY "$client" kept >/dev/null
redis_ask GET "$client" | sed 's/"familyName":"L/"familyName":"l/' | head -c -1 | redis_ask -x SET "$client" >/dev/null
seen "a wrong value everywhere" "$place=not-as-validated"
oracle state "$suite_folder/state"
redis_ask RENAME kept "$client" >/dev/null

# ---- the state, for comparing two runs ----

oracle state "$suite_folder/state-1"
oracle state "$suite_folder/state-2"
check "the state of a run is the same twice" cmp -s "$suite_folder/state-1" "$suite_folder/state-2"
check_equal "a value that differs in Redis is one line that differs" "redis $client" \
    "$(diff "$suite_folder/state" "$suite_folder/state-1" | sed -n 's/^> \(redis [^ ]*\) .*/\1/p')"
check_equal "the state is in order" "" "$(LC_ALL=C sort -c -k 1,1r -k 2,2 "$suite_folder/state-1" 2>&1)"
clients=$(redis_ask --scan --pattern 'client:*' | wc -l)
check_equal "it holds every client, its email and its record" "$((3 * clients))" "$(wc -l <"$suite_folder/state-1")"
check "and the headers of a record" grep -qE \
    "^record ws-1/[^ ]* \{\"id\":.*\} command-id=[^ ]* command-hash=[0-9a-f]+ source=$live_name.commands/[0-9]+/[0-9]+$" \
    "$suite_folder/state-1"

# ---- transactions ----

tampered replies "${invalid[@]}" --open
seen "a transaction that is left open in the replies" "-=open"
tampered records "${lonely[@]}" --open
seen "a transaction that is left open in the records" "-=open"

# ---- permanent faults ----

echo '{}' >>"$suite_folder/validated"
seen "a line too many of validate" "-=not-as-validated"
sed -i '$d' "$suite_folder/validated"

sent=$((live_sent + 1))
seen "a command that was not sent" "-=not-sent"
echo '{"commandId":"unanswered","workspaceId":"ws-1"}' | kcat -b "$kafka_address" -P -t "$live_name.commands" -p 2
live_sent=$((live_sent + 1))
world_reset
unanswered=$(last_of "$live_name.commands/2/0")
seen "what validate said of too few commands" "-=not-as-validated" "$unanswered=missing"
live_validated=()
seen "a reply that is missing, but not lost yet" "$unanswered=missing"
check_equal "judge fails, and says what and where" "  violation: $unanswered has none
NOT OK: every command has a reply (1 violations)" "$(oracle judge | grep -E '^  violation|^NOT OK')"
tampered replies "${invalid[@]}" --away "$elsewhere"
seen "a reply in another topic" "$place=reply-place" "$unanswered=missing"

# ---- the sender ----

# left_open TOPIC: the outcomes that the sender leaves open.
left_open() {
    kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$1" -o beginning -e -q -f '%h\n' \
        | grep -aoE 'expect=[a-z_]+,(created|duplicate|email_taken)' | sort -u
}
check_equal "some outcomes are a race" $'expect=created,duplicate\nexpect=created,email_taken' "$(left_open "$live_name.commands")"
check "a topic without races is created" live_intake topics create --set "commands.topic=$live_name.calm"
"$BUILD/tests/live/produce" --bootstrap "$kafka_address" --topic "$live_name.calm" --partitions 3 --count 1500 --no-races
check_equal "--no-races leaves none open" "" "$(left_open "$live_name.calm")"

# ---- completeness ----

check_equal "each check sees at least one fault" "" \
    "$("$BUILD/tests/live/oracle" words | while read -r word; do [ -n "${words_seen[$word]:-}" ] || echo "$word"; done)"
suite_end

#!/usr/bin/env bash
# dead-letters list, show and retry on a real Kafka: what they say of hostile letters, what is sent again, and that two
# retries are one command.
. "$(dirname "$0")/../lib/live.sh" || exit 1

live_begin 3
LIVE_DEFINITIONS=
check "the worker's topics are there" live_intake check
worker_start one

# It waits ten seconds for Kafka, while others run.
timeout 120 "$BUILD/client-intake" dead-letters list --config "$live_config" --set kafka.bootstrap.servers=127.0.0.1:1 >/dev/null 2>&1 &
away=$!

# send_raw KEY VALUE [KCAT OPTION ...]: one message to the command topic; a key of - is none.
send_raw() {
    local key=()
    [ "$1" = - ] || key=(-k "$1")
    printf '%s' "$2" >"$suite_folder/value"
    kcat -P -b "$kafka_address" -X partitioner=murmur2_random -t "${topic:-$live_name.commands}" ${key[@]+"${key[@]}"} \
        "${@:3}" "$suite_folder/value" || suite_fail "a message was sent"
}

# letters ACTION [ARGUMENT ...]: sets output, error and code.
letters() {
    output=$(timeout 120 "$BUILD/client-intake" dead-letters --config "$live_config" "$@" 2>"$suite_folder/error")
    code=$?
    error=$(cat "$suite_folder/error")
    [ "$1" != retry ] || live_settle "$live_name.commands" "$live_name.dead-letters"
}

rows() {
    live_intake dead-letters list --output json "$@"
}

has_letters() {
    [ "$(rows | wc -l)" -eq "$1" ]
}

# place_of FILTER: of the first letter of which the filter holds.
place_of() {
    rows | jq -r "select($1) | \"\(.partition)/\(.offset)\"" | head -n 1
}

holds() {
    [[ $1 == *"$2"* ]]
}

# Messages hold bytes that are no text.
grep() {
    command grep -a "$@"
}

# Messages of a topic as a read_committed reader sees them, one line each.
read_topic() {
    kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -X isolation.level=read_committed -t "$live_name.$1" -o beginning -e -q -f "$2"
}

letters list
check_equal "a topic without letters has no rows" "0:" "$code:$output"
letters list --group
check_equal "and no groups" "0:" "$code:$output"
letters retry --apply
check_equal "there is nothing to retry" "0:0 sent, 0 refused" "$code:$output"
letters show 0/0
check_equal "there is nothing to show" 1 "$code"

# ---- letters of each kind ----

person='"givenName":"Ada","familyName":"Lovelace"'
send_raw ws-1 "{\"commandId\":\"a-1\",\"workspaceId\":\"ws-1\",$person,\"email\":\"a@example.com\"" \
    -H correlation-id=c-1 -H "binary=$(printf '\001\002\377')" -H traceparent=t
send_raw ws-1 $'\e[31mred\a' -H command-id=named-1
send_raw - 'no json' -H workspace-id=ws-1
printf 'ws-1\x1f\x1e' | kcat -P -b "$kafka_address" -X partitioner=murmur2_random -t "$live_name.commands" -K $'\x1f' -D $'\x1e' -Z
send_raw ws-1 "{\"commandId\":\"big-1\",\"workspaceId\":\"ws-1\",$person,\"email\":\"big@example.com\"$(printf '%300000s' '')}"
send_raw ws-1 'evil' -H dlq-topic=other -H dlq-offset=99 -H dlq-retried=0/0 -H dlq-retried-to=x/0/0 -H dlq-message=$'\e[2J' -H dlq-lost=headers
check "every broken command is a letter" eventually has_letters 6

first=$(place_of '.source.partition as $p | .message | test("ends too early")')
row=$(rows | jq -c "select(\"\(.partition)/\(.offset)\" == \"$first\")")
check_equal "a row has the names of the contract" "partition offset time code message source retries retried" "$(jq -r 'keys_unsorted | join(" ")' <<<"$row")"
check_equal "the source is a position" "partition:number topic:string offset:number" \
    "$(jq -r '.source | [.partition, .topic, .offset] as [$p, $t, $o] | "partition:\($p | type) topic:\($t | type) offset:\($o | type)"' <<<"$row")"
check_equal "a letter that was not retried says so" "0 []" "$(jq -c '"\(.retries) \(.retried)"' -r <<<"$row")"
check_equal "a producer's dlq headers do not count" "$live_name.commands" "$(rows | jq -r 'select(.message | test("0x65|does not fit")) | .source.topic' | sort -u)"
check_equal "a producer cannot make its letter a note" 6 "$(rows | wc -l)"
check_equal "the list for people has a line for each" 6 "$(live_intake dead-letters list | wc -l)"
for action in list "list --group" "show $(place_of '.message | test("binary")')" "show $(place_of '.message | test("does not fit")')"; do
    # shellcheck disable=SC2086 # $action may have an option
    check_equal "$action prints nothing that a terminal obeys" "" "$(live_intake dead-letters $action | LC_ALL=C tr -d '\n' | LC_ALL=C tr -cd '\000-\037\177')"
done

check_equal "--code selects" 1 "$(rows --code too_large | wc -l)"
letters list --code too_large --since 2100-01-01T00:00:00Z
check_equal "a code that the daemon has is no mistake where no letter is selected" "0 " "$code $error"
check_equal "--partition selects" "$(rows | jq -r .partition | grep -c '^0$')" "$(rows --partition 0 | wc -l)"
check_equal "several partitions select" 6 "$(rows --partition 0 --partition 1 --partition 2 | wc -l)"
letters list --partition 7
check_equal "a partition that is not there is reported" 69 "$code"
letters retry --partition 7
check_equal "by retry, too" "69 1" "$code $(grep -c 'has no partition 7; its partitions are 0 to 2' <<<"$error")"
check_equal "--limit takes the first" "$(rows | head -n 2)" "$(rows --limit 2)"
while IFS='|' read -r options reason; do
    # shellcheck disable=SC2086 # a list of options
    letters list $options
    check_equal "list $options is refused" "64 1" "$code $(grep -cF -e "$reason" <<<"$error")"
done <<'EOF'
--limit 0|must be a number of letters
--code malformed_jsno|--code malformed_jsno: no letter has this code; did you mean malformed_json?
--group --code to_large|--code to_large: no letter has this code; did you mean too_large?
--code Xx|--code Xx: no letter has this code
--limit -1|must be a number of letters
--limit 9223372036854775808|must be a number of letters
--partition -1|must be a partition's number
--partition 2147483648|must be a partition's number
--since yesterday|must be a time like
--since 2026-01-02T00:00:00Z --until 2026-01-01T00:00:00Z|--since must be before --until
--since 2026-01-01T00:00:00Z --until 2026-01-01T00:00:00Z|--since must be before --until
EOF
now=$(jq -r .time <<<"$row")
check "--since includes" grep -qF "$row" <(rows --since "$now")
check "--until excludes" bash -c '! grep -qF "$1" "$2"' - "$row" <(rows --until "$now")

# ---- show ----

letters show "$first"
check_equal "show finds a letter" 0 "$code"
for part in "  correlation-id: c-1" "  binary: <U+0001><U+0002><0xFF>" "  dlq-code: malformed_json" "key:     ws-1" "value, "; do
    check "show has: $part" holds "$output" "$part"
done
live_intake dead-letters show "$first" --raw >"$suite_folder/raw"
check_equal "--raw gives the value byte for byte" \
    "$(printf '%s' "{\"commandId\":\"a-1\",\"workspaceId\":\"ws-1\",$person,\"email\":\"a@example.com\"" | sha256sum)" "$(sha256sum <"$suite_folder/raw")"
check_equal "--hex gives all of it" "$(od -An -v -tx1 "$suite_folder/raw" | tr -d ' \n')" \
    "$(live_intake dead-letters show "$first" --hex | cut -c 11-57 | tr -d ' \n')"
check_equal "show --output json has headers and value" "ws-1 $(wc -c <"$suite_folder/raw") AQL/" \
    "$(live_intake dead-letters show "$first" --output json | jq -r '"\(.key) \(.value | length) \(.headers[] | select(.name == "binary") | .valueBase64)"')"
null=$(place_of '.message | test("value is null")')
check "show tells a null value" holds "$(live_intake dead-letters show "$null")" "value:   (null)"
for place in 0/999 2/9223372036854775807 77/0; do
    letters show "$place"
    check_equal "show of $place, which is not there, is a negative answer" 1 "$code"
done

# ---- retry without --apply ----

all_settle() {
    live_settle "$live_name.commands" "$live_name.dead-letters" "$live_name.replies" "$live_name.records"
}
ends() {
    local role
    for role in commands dead-letters replies records; do
        for partition in 0 1 2; do kcat -Q -b "$kafka_address" -t "$live_name.$role:$partition:-1"; done
    done
}
all_settle
before=$(ends)
letters retry
check_equal "a retry says what it would do" 0 "$code"
check "for each letter" holds "$output" "$first: would be sent to $live_name.commands, retry 1 of 5, with the command id $live_name.commands/"
check "and in sum" holds "$output" "6 would be sent, 0 refused; --apply sends them"
check_equal "in JSON, too" "6 false 6 0 0" \
    "$(live_intake dead-letters retry --output json | jq -rs '"\([.[] | select(.result == "would_send")] | length) \(last | "\(.applied) \(.letters) \(.refused) \(.passedOver)")"')"
letters retry --set dead_letters.retries=0
check_equal "dead_letters.retries = 0 refuses all" "1 6" "$code $(grep -c 'refused: it was retried 0 times' <<<"$output")"
check_equal "nothing was written" "$before" "$(ends)"

# ---- letters from elsewhere, and damaged ones ----

topic=$live_name.dead-letters
send_raw k 'x' -p 0 -H dlq-topic=other.commands -H dlq-partition=0 -H dlq-offset=1 -H dlq-code=foreign
send_raw k 'x' -p 0 -H "dlq-topic=$live_name.commands" -H dlq-partition=0 -H dlq-offset=1 -H dlq-code=lost -H "dlq-lost=key, value, headers"
send_raw k 'x' -p 0 -H "dlq-topic=$live_name.commands" -H dlq-partition=0 -H dlq-offset=1 -H dlq-code=garbage -H dlq-retries=-7
send_raw k 'x' -p 0 -H "dlq-topic=$live_name.commands" -H dlq-partition=0 -H dlq-offset=1x -H dlq-code=place
send_raw k 'x' -p 0 -H kafka_dlt-original-topic=clients -H dlq-code=spring
send_raw k 'x' -p 0 -H "dlq-topic=$live_name.commands" -H dlq-partition=0 -H dlq-offset=1 -H dlq-code=often -H dlq-retries=5
topic=
# refused CODE REASON: it is, and is named.
refused() {
    letters retry "$(place_of ".code == \"$1\"")" --apply
    check_equal "the letter $1 is refused" 1 "$code"
    check "$1: $2" holds "$output" "refused: $2"
}
all_settle
before=$(ends)
refused foreign "it is a letter of other.commands, not of $live_name.commands"
refused lost "it is not the whole command, it lacks: key, value, headers"
refused garbage "its header dlq-retries is not a number"
refused place "its headers dlq-topic, dlq-partition and dlq-offset do not say where it came from"
refused spring "its headers dlq-topic, dlq-partition and dlq-offset do not say where it came from"
refused often "it was retried 5 times, dead_letters.retries allows 5"
for place in 0/999999 77/0 0/9223372036854775807; do
    letters retry "$place" --apply
    check_equal "the letter $place, which is not there, is refused" "1 1" "$code $(grep -c "^$place: refused: there is no letter" <<<"$output")"
done
check_equal "nothing of these was written" "$(grep -v -- dead-letters <<<"$before")" "$(ends | grep -v -- dead-letters)"
check_equal "a letter without a source has none in the list" "null null" "$(rows | jq -r 'select(.code == "spring") | "\(.source) \(.message)"')"

# ---- what other programs write there ----

# to_letters KEY [KCAT OPTION ...]: a message of another program to partition 0 of the dead letters.
to_letters() {
    topic=$live_name.dead-letters send_raw "$1" x -p 0 "${@:2}"
}

# A code, the other headers, what the list says of the letter, and why it is not sent.
from=its\ headers\ dlq-topic,\ dlq-partition\ and\ dlq-offset\ do\ not\ say\ where\ it\ came\ from
whole="dlq-topic=$live_name.commands dlq-partition=0"
while IFS='|' read -r name headers row reason; do
    options=()
    for header in $headers; do options+=(-H "$header"); done
    to_letters k -H "dlq-code=$name" "${options[@]}"
    check_equal "$name: its row" "$row" "$(rows --code "$name" | jq -r '"\(.source.topic) \(.retries) \(.message)"')"
    refused "$name" "$reason"
done <<EOF
offset-minus|$whole dlq-offset=-1|null 0 null|$from
offset-2-63|$whole dlq-offset=9223372036854775808|null 0 null|$from
offset-plus|$whole dlq-offset=+1|null 0 null|$from
offset-empty|$whole dlq-offset=|null 0 null|$from
partition-2-31|dlq-topic=$live_name.commands dlq-partition=2147483648 dlq-offset=1|null 0 null|$from
topic-path|dlq-topic=../../etc dlq-partition=0 dlq-offset=1|null 0 null|$from
retries-2-63|$whole dlq-offset=1 dlq-retries=9223372036854775808|$live_name.commands null null|its header dlq-retries is not a number
retries-word|$whole dlq-offset=1 dlq-retries=often|$live_name.commands null null|its header dlq-retries is not a number
retries-many|$whole dlq-offset=1 dlq-retries=1000000000|$live_name.commands 1000000000 null|it was retried 1000000000 times
note-and-letter|dlq-topic=other dlq-partition=0 dlq-offset=1 dlq-retried=0/0|other 0 null|it is a letter of other, not of $live_name.commands
EOF

# A long key, long headers, and a message with nothing in it.
long=$(printf '%100000s' '' | tr ' ' h)
printf '%900000s|long key' '' | tr ' ' k | kcat -P -b "$kafka_address" -t "$live_name.dead-letters" -p 0 -K '|' -H dlq-code=long-key
to_letters k -H dlq-code=long-headers -H "a=$long" -H "b=$long" -H "c=$long" -H "dlq-message=$long"
printf '\x1f\x1e' | kcat -P -b "$kafka_address" -t "$live_name.dead-letters" -p 0 -K $'\x1f' -D $'\x1e' -Z -H dlq-code=nothing
for name in long-key long-headers nothing; do
    check_equal "$name: it has a row" 1 "$(rows --code "$name" | wc -l)"
    refused "$name" "$from"
done
check_equal "a long message is cut" 1027 "$(rows --code long-headers | jq -r '.message | length')"
check_equal "a long key is shown whole" 900000 "$(live_intake dead-letters show "$(place_of '.code == "long-key"')" --output json | jq '.key | length')"

# Notes that no retry wrote. Only one behind its letter counts, or it would keep a letter of the future from being sent.
live_settle "$live_name.dead-letters"
next=$(kcat -Q -b "$kafka_address" -t "$live_name.dead-letters:0:-1" | sed 's/.* offset //')
for note in "0/$next" "0/$((next + 6))" 1/0 0/x 0/9223372036854775808 -; do
    to_letters - -H "dlq-retried=$note" -H "dlq-retried-to=$live_name.commands/0/9223372036854775807"
done
to_letters k -H "dlq-topic=other" -H dlq-partition=0 -H dlq-offset=1 -H dlq-code=noted
check_equal "notes stand before a letter" "0/$((next + 6))" "$(place_of '.code == "noted"')"
check_equal "they count for no letter" 0 "$(rows | jq -c 'select(.retried != [])' | wc -l)"
to_letters - -H "dlq-retried=0/$((next + 6))" -H dlq-retried-to=nonsense
check_equal "a note behind its letter counts" "[null,null]" "$(rows --code noted | jq -c '.retried[] | [.to, .outcome]')"

# ---- retry ----

letters retry --code malformed_json --apply
check_equal "letters are sent" 0 "$code"
check "and counted" holds "$output" "5 sent, 0 refused"
retried_to=$(rows | jq -r "select(\"\(.partition)/\(.offset)\" == \"$first\") | .retried[0].to")
check "the list says as which command" holds "$retried_to" "$live_name.commands/"
retried_as() {
    rows | jq -r "select(\"\(.partition)/\(.offset)\" == \"$first\") | .retried[].outcome" | xargs
}
has_outcome() { [ "$(retried_as)" = "$1" ]; }
check "and with what outcome" eventually has_outcome malformed_json
command=$(read_topic commands '%t/%p/%o|%k|%h|%s\n' | grep -F "$retried_to|")
check "the command keeps its key, headers and value" holds "$command" "|ws-1|correlation-id=c-1,binary="
check "and its value" holds "$command" "|{\"commandId\":\"a-1\",\"workspaceId\":\"ws-1\",$person,\"email\":\"a@example.com\""
check "it says how often it was retried" holds "$command" ",dlq-retries=1|"
source_of() { rows | jq -r "select(\"\(.partition)/\(.offset)\" == \"$1\") | .source | \"\(.topic)/\(.partition)/\(.offset)\""; }
check "it has its first position as command id" holds "$command" ",command-id=$(source_of "$first"),"
check_equal "it has no other dlq headers" "dlq-retries" "$(read_topic commands '%h\n' | grep -F dlq-retries | tr ',' '\n' | grep -oE '^dlq-[a-z-]+' | sort -u)"
check_equal "a header that names the command stays alone" 1 "$(read_topic commands '%h\n' | grep -F dlq-retries=1 | grep -o command-id=named-1 | wc -l)"
check_equal "and gets no other id" 0 "$(read_topic commands '%h\n' | grep -F command-id=named-1 | grep -c "command-id=$live_name")"
check_equal "a null value stays null" 1 "$(read_topic commands '%S %h\n' | grep -F dlq-retries=1 | grep -c '^-1 ')"
is_again() { [ "$(rows | jq -r 'select(.retries == 1) | .code' | wc -l)" -eq 5 ]; }
check "commands that fail again are letters with their count" eventually is_again
all_settle
before=$(ends)
letters retry --code malformed_json --apply
check_equal "a second retry sends nothing" "0" "$code"
check "it passes over what was retried, and what came back" holds "$output" "0 sent, 0 refused, 10 passed over"
check_equal "and writes nothing but a transaction's end at most" "$(grep commands <<<"$before")" "$(ends | grep commands)"
letters show "$(read_topic dead-letters '%p/%o %h\n' | grep -F dlq-retried= | grep -vF dlq-topic | head -n 1 | cut -d' ' -f 1)"
check_equal "a note is no letter" 1 "$code"

# The ceiling counts along the chain of letters.
back=$(place_of '.retries == 1')
letters retry "$back" --set dead_letters.retries=1
check_equal "a command that came back is refused at the ceiling" "1 1" "$code $(grep -c 'refused: it was retried 1 times' <<<"$output")"
letters retry "$back"
check "and is counted up below it" holds "$output" "retry 2 of 5"
letters retry --again --limit 3
check "--again takes what was retried" holds "$output" "3 would be sent"

live_compare_schemas # before forged ones are among them

# ---- which replies are read ----

# reply_to COMMAND MINUTES: a forged reply, that it was created, so many minutes older than now; the earliest one counts.
reply_to() {
    local place=${1#"$live_name.commands/"}
    "$BUILD/tests/faults/form" send --bootstrap "$kafka_address" --topic "$live_name.elsewhere" --partition 0 \
        --timestamp $(($(date +%s%3N) - $2 * 60000)) --value-text "$(jq -nc --arg topic "$live_name.commands" --arg place "$place" \
            '{type: "client.created", source: {topic: $topic, partition: ($place | split("/")[0] | tonumber), offset: ($place | split("/")[1] | tonumber)}, client: {}}')"
}
letters list --output json --set "replies.topic=$live_name.none"
check "what was retried makes list look at the reply topics" holds "$error" "the reply topic does not exist"
letters list --output json --code too_large --set "replies.topic=$live_name.none"
check_equal "letters that were not retried make it look at none" "0:" "$code:$error"
check "an old reply is sent" reply_to "$retried_to" 100
check_equal "replies from more than an hour before the first retry are not read" malformed_json "$(retried_as)"
check "a younger one is sent" reply_to "$retried_to" 30
check_equal "those of the hour before it are" created "$(retried_as)"

# ---- a mended value ----

mended="{\"workspaceId\":\"ws-1\",$person,\"email\":\"mended@example.com\"}"
printf '%s' "$mended" >"$suite_folder/mended"
letters retry "$first" --value "$suite_folder/mended" --apply
check_equal "a mended value is sent" 0 "$code"
is_created() { [ "$(retried_as)" = "created created" ]; }
check "and creates a client" eventually is_created
letters retry "$first" --value "$suite_folder/mended" --apply
check_equal "it is sent again" 0 "$code"
is_duplicate() { [ "$(retried_as)" = "created created duplicate" ]; }
check "and is a duplicate, not a second client" eventually is_duplicate
live_settle "$live_name.records"
check_equal "one client has the id of the first position" 1 "$(read_topic records '%k %h\n' | grep -cF "command-id=$(source_of "$first"),")"
named="{\"commandId\":\"mine\",\"workspaceId\":\"ws-1\",$person,\"email\":\"mine@example.com\"}"
letters retry "$null" --value - --output json <<<"$named"
check_equal "a value that names the command gets no header" null "$(jq -r 'select(.result) | .commandId' <<<"$output")"
cloud="{\"specversion\":\"1.0\",\"id\":\"mine\",\"type\":\"create-client\",\"source\":\"/\",\"data\":{}}"
letters retry "$null" --value - --output json <<<"$cloud"
check_equal "nor does a CloudEvent with an id" null "$(jq -r 'select(.result) | .commandId' <<<"$output")"
letters retry "$null" --value "$suite_folder/none"
check_equal "a value that is not there is reported" 69 "$code"
letters retry "$null" --value /dev/null --apply
check_equal "so is an empty one, and nothing is sent" "69::client-intake dead-letters: /dev/null is empty, must be the mended command" "$code:$output:$error"
letters list --set "dead_letters.topic=$live_name.nothing"
check_equal "a topic of letters that is not there is reported" \
    "69:client-intake dead-letters: the topic $live_name.nothing does not exist; client-intake topics create creates it" "$code:$error"
truncate -s 101M "$suite_folder/sparse"
letters retry "$null" --value "$suite_folder/sparse"
check_equal "so is one of more than 100 MiB" "69 1" "$code $(grep -c 'sparse: ' <<<"$error")"
before=$(read_topic commands '%p/%o\n' | sort)
truncate -s 3M "$suite_folder/sparse"
letters retry "$null" --value "$suite_folder/sparse" --apply
check_equal "a value that the topic does not take is refused" "1 1" "$code $(grep -c 'refused: it would have 3145[0-9]* bytes, and the topic takes at most [0-9]*, its max.message.bytes' <<<"$output")"
check_equal "and nothing is sent" "$before" "$(read_topic commands '%p/%o\n' | sort)"

# What was too large is sent with its own id, which its value names.
large=$(place_of '.code == "too_large"')
check_equal "the value of a long command names it" null "$(live_intake dead-letters retry "$large" --output json | jq -r 'select(.result) | .commandId')"
worker_stop one
worker_start one --set "limits.command_bytes=1 MiB"
letters retry --code too_large --apply
check_equal "a long command is retried with a higher limit" 0 "$code"
long_is_created() { rows --code too_large | jq -e '.retried[0].outcome == "created"'; }
check "and creates its client" eventually long_is_created
live_settle "$live_name.records"
check_equal "under its own id" 1 "$(read_topic records '%h\n' | grep -c '^command-id=big-1,')"

# ---- a thousand letters of one faulty producer ----

since=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
for ((i = 0; i < 1000; i++)); do echo "{\"commandId\":\"faulty-$i\", oops$i}"; done \
    | kcat -P -b "$kafka_address" -X partitioner=murmur2_random -t "$live_name.commands" -k ws-3
thousand() { [ "$(rows --since "$since" | wc -l)" -eq 1000 ]; }
check "a faulty producer's commands are letters" eventually thousand
groups=$(live_intake dead-letters list --group --since "$since" --output json)
check_equal "a thousand letters are one row" "1 1000 malformed_json" "$(jq -rs '"\(length) \(.[0].count) \(.[0].code)"' <<<"$groups")"
check_equal "with its names" "code cause count first last example" "$(jq -r 'keys_unsorted | join(" ")' <<<"$groups")"
check "the cause has no numbers and values" holds "$(jq -r .cause <<<"$groups")" 'the text is not JSON at byte #: "..." does not fit there'
letters show "$(jq -r .example <<<"$groups")"
check "its example can be shown" holds "$output" "oops"
check_equal "first and last are times of letters" "$(rows --since "$since" | jq -rs '"\(map(.time) | min) \(map(.time) | max)"')" \
    "$(jq -r '"\(.first) \(.last)"' <<<"$groups")"

started=$EPOCHREALTIME
letters retry --since "$since" --limit 30 --rate 20 --apply
check_equal "--limit and --rate bound a retry" "0 30" "$code $(grep -c ': sent to ' <<<"$output")"
check "--rate 20 takes its time" awk -v from="$started" -v to="$EPOCHREALTIME" 'BEGIN { exit !(to - from > 1.3) }'
letters retry --since "$since" --limit 30 --apply
check_equal "the next 30 are others" 60 "$(rows --since "$since" | jq -c 'select(.retried | length == 1)' | wc -l)"
letters retry --since "$since" --apply
check_equal "all others are sent once" "0 1000" "$code $(rows --since "$since" | jq -c 'select(.retried | length == 1)' | wc -l)"

# ---- many partitions ----

"$BUILD/tests/faults/topic_config" "$kafka_address" grow "$live_name.dead-letters" 40
for ((partition = 3; partition < 40; partition++)); do
    topic=$live_name.dead-letters send_raw k "spread $partition" -p "$partition" -H "dlq-topic=$live_name.commands" -H dlq-partition=0 \
        -H dlq-offset=1 -H dlq-code=spread
done
check_equal "letters in 37 further partitions are listed in their order" "$(seq 3 39 | xargs)" "$(rows --code spread | jq .partition | xargs)"
check_equal "some of them" "17 30" "$(rows --code spread --partition 30 --partition 17 | jq .partition | xargs)"
letters retry --code spread --apply
check_equal "all are sent" "0 37" "$code $(grep -c ': sent to ' <<<"$output")"
letters retry --code spread --apply
check_equal "once" "0:0 sent, 0 refused, 37 passed over since they were retried before (--again takes them)" "$code:$output"

letters retry --set "dead_letters.topic=$live_name.none"
check_equal "a missing topic is reported" 69 "$code"
wait "$away"
check_equal "a broker that is away is reported" 69 $?
worker_stop one
suite_end

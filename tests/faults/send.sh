#!/usr/bin/env bash
# client-intake send: commands go in, their replies come out, and what has no reply is named.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

criterion "commands from a file, from an open pipe, by the hundred thousand" \
    "one reply each, in the order of the input if that is asked for, in constant memory"
criterion "the broker is killed and comes back while commands are sent" "each command is in the topic once, and each is answered"
criterion "no worker; a second signal; a line that cannot be sent" "it ends by itself and names each command without a reply"

LIVE_WORKSPACES=1
LIVE_CHECKS=104
many=$(faults_choose 20000 100000)

# commands FIRST COUNT: lines with ids and emails of their own.
commands() {
    seq "$1" $(($1 + $2 - 1)) | sed 's/.*/{"commandId":"c-&","workspaceId":"ws-0","givenName":"A","familyName":"B","email":"c-&@example.com"}/'
}

# sends [OPTION ...]: sets code; output and error are in files.
sends() {
    live_intake send "$@" >"$suite_folder/output" 2>"$suite_folder/error"
    code=$?
}

# sends_along INPUT [OPTION ...]: the same in the background; sets sender.
sends_along() {
    : >"$suite_folder/output" # replies to an earlier one are not awaited
    : >"$suite_folder/error"
    "$BUILD/client-intake" send --config "$live_config" "${@:2}" <"$1" >"$suite_folder/output" 2>"$suite_folder/error" &
    sender=$!
}

# The command ids in the replies.
ids() {
    jq -r .commandId "$suite_folder/output"
}

# The names of the groups.
kafka_groups() {
    "$BUILD/tests/live/replay_marks" "$kafka_address" | awk '$1 == "group" { print $2 }' | sort | xargs
}

# The correlation ids of the commands with this id; fails without one.
correlation_of() {
    kcat -C -X fetch.wait.max.ms=10 -q -b "$kafka_address" -t "$live_name.commands" -e -o beginning -f '%h %s\n' | grep -aF "\"$1\"" | grep -aoE 'correlation-id=[0-9a-f]+-[0-9]+'
}

# The number of messages in a topic.
messages() {
    kcat -C -X fetch.wait.max.ms=10 -q -b "$kafka_address" -t "$1" -e -o beginning -f '%o\n' | wc -l
}

unset KAFKA_LANE # the broker that is killed is the suite's own
live_begin 3
faults_own_kafka
faults_worker_start one

# A Kafka that was never there is reported after a while; the other scenes run meanwhile.
send_nowhere() {
    local began code
    began=$(date +%s%3N)
    live_intake send --no-wait --set kafka.bootstrap.servers=127.0.0.1:1 --set log.level=error <<<"$(commands 1 3)" >/dev/null 2>&1
    code=$?
    echo "$code $(($(date +%s%3N) - began))" >"$suite_folder/nowhere"
}
send_nowhere &
nowhere=$!

# ---- a file ----
{
    commands 1 2
    echo
    echo '   '
    echo 'not JSON'
    printf '%s\r\n' "$(commands 3 1)"
} >"$suite_folder/commands"
sends --ordered "$suite_folder/commands"
check_equal "one command is rejected: the exit code" 1 "$code"
check_equal "blank lines are passed over, and the order is that of the input" "c-1 c-2 MALFORMED c-3" \
    "$(ids | sed "s|^$live_name.commands/.*|MALFORMED|" | xargs)"
check_equal "nothing of them is said on standard error" 0 "$(grep -c "^client-intake send" "$suite_folder/error")"
check_equal "the key is the workspace" "ws-0" "$(kcat -C -X fetch.wait.max.ms=10 -q -b "$kafka_address" -t "$live_name.commands" -e -o beginning -f '%k\n' | sed '/^$/d' | sort -u)"
check_equal "each command has a correlation id of its own, which is echoed" 4 \
    "$(kcat -C -X fetch.wait.max.ms=10 -q -b "$kafka_address" -t "$live_name.replies" -e -o beginning -f '%h\n' | grep -o 'correlation-id=[0-9a-f]*-[0-9]*' | sort -u | wc -l)"
sends "$suite_folder/none"
check_equal "a file that is not there" 69 "$code"
check "is named" grep -q "$suite_folder/none" "$suite_folder/error"
sends /
check_equal "a folder" "69 client-intake send: /: Is a directory" "$code $(cat "$suite_folder/error")"
sends <&-
check_equal "no standard input" "69 client-intake send: standard input: Bad file descriptor" "$code $(cat "$suite_folder/error")"
sends </dev/null
check_equal "nothing to send" "0 0" "$code $(cat "$suite_folder/output" "$suite_folder/error" | wc -c)"

criterion "bytes that are no command" "each line has its reply, which tells what is wrong; the last line needs no end"
{
    printf '\357\273\277' && commands 90 1
    printf 'a\0b\n'
    head -c 300000 /dev/zero | tr '\0' x && echo
    commands 91 1 | sed 's/}$/,"customFields":{"x":"\xff"}}/'
    printf '%s' "$(commands 92 1)"
} >"$suite_folder/commands"
sends --ordered "$suite_folder/commands"
check_equal "the last line, which does not end, is sent" "1 c-92" "$code $(ids | tail -n 1)"
while IFS='|' read -r number reply; do
    check "line $number: $reply" grep -qF -e "$reply" <(sed -n "${number}p" "$suite_folder/output")
done <<'END'
1|malformed_json","message":"the value begins at byte 0 with a UTF-8 byte-order mark
2|malformed_json","message":"the value begins at byte 0 with binary data (0x61 0x00)
3|too_large","message":"the value has more than the 262144 bytes that are allowed
4|malformed_json","message":"the text is not UTF-8
END

criterion "replies that cannot be printed" "it ends with 69, the reason, and at once"
commands 100 500 | live_intake send --timeout 60s 2>"$suite_folder/error" | head -n 1 >"$suite_folder/output"
check_equal "nobody reads the rest of them" "69 1 1" "${PIPESTATUS[1]} $(ids | wc -l) $(grep -cx 'client-intake send: standard output: Broken pipe' "$suite_folder/error")"
commands 610 3 | live_intake send --timeout 60s >/dev/full 2>"$suite_folder/error"
check_equal "the disk is full" "69 1" "$? $(grep -cx 'client-intake: standard output: No space left on device' "$suite_folder/error")"

criterion "a line without end" "a signal ends it"
ends_of_endless() { process_is_gone "$sender"; }
sends_along /dev/zero
check "a line without end is named" eventually grep -qx 'client-intake send: line 1 was not sent: it is longer than 16 MiB' "$suite_folder/error"
kill -TERM "$sender"
check "and ends with a signal" until_true 10 ends_of_endless
wait "$sender"
check_equal "and what is behind it is named" "69 2" "$? $(sed -nE 's/^client-intake send: line ([0-9]+) was not sent: nor was any.*/\1/p' "$suite_folder/error")"

# ---- where replies go ----
sends --reply-topic "$live_name.elsewhere" <<<"$(commands 10 3)"
check_equal "another reply topic" "0 3" "$code $(ids | wc -l)"
check_equal "has these replies" 3 "$(messages "$live_name.elsewhere")"
sends --reply-topic "$live_name.records" <<<"$(commands 20 1)"
check_equal "a reply topic that is not listed" 64 "$code"
check "is named, with the key of the config" grep -q "$live_name.records.*replies.allowed" "$suite_folder/error"
sends --reply-topic "$live_name.listed" --set "replies.allowed=$live_name.listed" <<<"$(commands 20 1)"
check_equal "a listed reply topic that does not exist" \
    "69 client-intake send: the reply topic $live_name.listed does not exist; client-intake topics create --set replies.topic=$live_name.listed creates it" \
    "$code $(cat "$suite_folder/error")"
for option in "" --no-wait; do
    # shellcheck disable=SC2086 # no option, or one
    sends --set "commands.topic=$live_name.nothing" $option <<<"$(commands 20 3)"
    check_equal "a command topic that does not exist ${option:+with }$option" \
        "69 client-intake send: the command topic $live_name.nothing does not exist; client-intake topics create creates it" \
        "$code $(cat "$suite_folder/error")"
done

# A reply without the echoes is found by its source.
sed -i "s/^allowed = .*/allowed = $live_name.elsewhere, $live_name.small/" "$live_config"
live_intake topics create --set "replies.topic=$live_name.small" >/dev/null || suite_fail "a topic for small replies"
check "a reply topic takes little" "$BUILD/tests/faults/topic_config" "$kafka_address" set "$live_name.small" max.message.bytes=1200
worker_stop one
faults_worker_start one
many_errors=$(seq 60 | sed 's/.*/"unknown&":&/' | paste -sd,)
sends --reply-topic "$live_name.small" --timeout 20s <<<'{"commandId":"wrong","workspaceId":"ws-0",'"$many_errors"'}'
check_equal "a minimal reply is recognized" "1 wrong" "$code $(ids)"
check_equal "it has no echo" 0 "$(kcat -C -X fetch.wait.max.ms=10 -q -b "$kafka_address" -t "$live_name.small" -e -o beginning -f '%h\n' | grep -c correlation-id)"

# ---- Kafka's answers come late, or not at all ----

produce_key=0 # of Kafka's protocol
kafka_proxy=$(cat "$kafka_folder/proxy")
proxy_start kafka "$kafka_proxy" "$(cat "$kafka_folder/proxied")" --kafka
by_proxy=(--set "kafka.bootstrap.servers=$kafka_proxy")
answers_are_met() { [ "$(proxy_matched kafka)" -gt "$before" ]; }

# A minimal reply overtakes Kafka's report of where its command is.
criterion "a reply without correlation is here before Kafka tells where its command is" "it is found"
worker_stop one
mkfifo "$suite_folder/overtaken"
sends_along "$suite_folder/overtaken" --output json --timeout 60s "${by_proxy[@]}"
exec 9>"$suite_folder/overtaken"
commands 25 1 >&9
check "a command is sent" eventually correlation_of c-25
before=$(proxy_matched kafka)
proxy_tell kafka answer $produce_key delay 3000 1
commands 26 1 >&9
check "the answer to the next one is late" eventually answers_are_met
place=$(kcat -C -X fetch.wait.max.ms=10 -q -b "$kafka_address" -t "$live_name.commands" -e -o beginning -f '%p %o %s\n' | awk '/"c-26"/ { print $1, $2 }')
printf '{"type":"client.rejected","commandId":"c-26","source":{"topic":"%s","partition":%d,"offset":%d},"error":{"code":"too_large"}}' \
    "$live_name.commands" "${place% *}" "${place#* }" | kcat -P -b "$kafka_address" -t "$live_name.replies" -p 0 -H ce_type=client.rejected
printf '{"answers":"c-25"}' | kcat -P -b "$kafka_address" -t "$live_name.replies" -p 0 -H "$(correlation_of c-25)"
check "a later reply is printed while the answer is on its way" eventually grep -q '"answers":"c-25"' "$suite_folder/output"
exec 9>&-
wait "$sender"
check_equal "the overtaking reply is found, too" "1 1" "$? $(grep -c '"commandId":"c-26"' "$suite_folder/output")"
check_equal "and counts as a rejection" '{"sent":2,"unsent":0,"answered":2,"rejected":1,"unanswered":0}' "$(tail -n 1 "$suite_folder/output")"
proxy_tell kafka pass

# What is written to $transaction is a reply in a transaction of this producer, which the end of the pipe commits; the next
# producer of its name aborts it if it was killed.
transaction_open() {
    rm -f "$suite_folder/transaction"
    mkfifo "$suite_folder/transaction"
    kcat -P -b "$kafka_address" -t "$live_name.replies" -p 0 -H "$1" -X "transactional.id=$live_name-replier" -X linger.ms=0 \
        -X batch.num.messages=1 <"$suite_folder/transaction" 2>"$suite_folder/kcat-replier" &
    replier=$!
    exec {transaction}>"$suite_folder/transaction"
}
# has_reply TEXT: it stands in the topic, committed or not. kcat reads blocks of 1024 bytes, so the text fills some of them.
has_reply() {
    yes "$1" | head -n $((4096 / ${#1})) >&"$transaction"
    tenths 2
    kcat -C -X fetch.wait.max.ms=10 -q -b "$kafka_address" -t "$live_name.replies" -p 0 -e -o beginning -X isolation.level=read_uncommitted | grep -qxF "$1"
}
criterion "a reply in a transaction that is open, or was aborted" "it is not printed before the transaction is committed"
mkfifo "$suite_folder/committed"
sends_along "$suite_folder/committed" --timeout 60s
exec 9>"$suite_folder/committed"
commands 27 1 >&9
check "a command is sent" eventually correlation_of c-27
correlation=$(correlation_of c-27)
for answer in aborted committed; do
    transaction_open "$correlation" 9>&-
    check "a reply is in the topic" eventually has_reply "{\"answers\":\"$answer\"}"
    tenths 15
    check_equal "it is not printed while its transaction is open" "" "$(cat "$suite_folder/output")"
    [ "$answer" != aborted ] || kill -KILL "$replier"
    exec {transaction}>&-
    wait "$replier" 2>/dev/null
done
check "a committed one is" eventually grep -qxF '{"answers":"committed"}' "$suite_folder/output"
exec 9>&-
wait "$sender"
check_equal "the aborted one never is" '0 {"answers":"committed"}' "$? $(cat "$suite_folder/output")"

criterion "connections are lost together with Kafka's answers, --no-wait" "what counts as sent is in the topic, once"
for number in 1 2 3 4; do
    before=$(proxy_matched kafka)
    proxy_tell kafka answer $produce_key reset "$number"
    sends --no-wait --output json "${by_proxy[@]}" --set kafka.producer.batch.num.messages=10 <<<"$(commands $((1000 * number + 2000)) 500)"
    proxy_tell kafka pass
    check "answers are lost" [ "$(proxy_matched kafka)" -gt "$before" ]
    check_equal "each command is sent or named" 500 "$(jq -s '.[-1].sent + .[-1].unsent' "$suite_folder/output")"
    check_equal "the exit code says the same" "$(jq -s 'if .[-1].unsent > 0 then 69 else 0 end' "$suite_folder/output")" "$code"
    kcat -C -X fetch.wait.max.ms=10 -q -b "$kafka_address" -t "$live_name.commands" -e -o beginning -f '%s\n' \
        | grep -aoE "\"c-$((number + 2))[0-9]{3}\"" | sort >"$suite_folder/stored"
    check "what was sent is stored" [ "$(sort -u "$suite_folder/stored" | wc -l)" -ge "$(jq -s '.[-1].sent' "$suite_folder/output")" ]
    check_equal "nothing is stored twice" "" "$(uniq -d "$suite_folder/stored")"
done
faults_worker_start one

# ---- Kafka is out of reach in between ----

# The commands with these numbers that are in the topic, in order.
stored() {
    kcat -C -X fetch.wait.max.ms=10 -q -b "$kafka_address" -t "$live_name.commands" -e -o beginning -f '%s\n' \
        | grep -aoE '"commandId":"c-[0-9]+"' | grep -oE '[0-9]+' | awk -v from="$1" -v to="$2" '$1 >= from && $1 <= to' | sort -n
}
# What has been written to the pipe of the sender.
feed() {
    commands "$1" "$2" >&9
    fed=$((fed + $2))
}
all_answered() { [ "$(grep -c . "$suite_folder/output")" -ge "$fed" ]; }
impatient=(--set kafka.socket.timeout.ms=2000 --set kafka.producer.request.timeout.ms=1500 --set kafka.producer.batch.num.messages=20)
criterion "connections are reset and cut, Kafka's answers do not arrive, nothing comes back for 4 s" \
    "each command is in the topic once, and each reply is printed once"
mkfifo "$suite_folder/disturbed"
fed=0
sends_along "$suite_folder/disturbed" --timeout 60s "${by_proxy[@]}" "${impatient[@]}"
exec 9>"$suite_folder/disturbed"
feed 20000 100
check "replies come" eventually all_answered
before=$(proxy_matched kafka)
proxy_tell kafka reset
feed 20100 100
check "they come over new connections" eventually all_answered
check "the old ones were reset" answers_are_met
before=$(proxy_matched kafka)
proxy_tell kafka answer $produce_key reset 2
feed 20200 100
check "Kafka's answers are lost" eventually answers_are_met
before=$(proxy_matched kafka)
proxy_tell kafka cut 2000
feed 20300 100
check "connections are cut" eventually answers_are_met
check "all commands up to here are answered" eventually all_answered
proxy_tell kafka hang to-client
feed 20400 100
tenths 40
proxy_tell kafka pass
feed 20500 100
exec 9>&-
wait "$sender"
check_equal "every command has its reply, once" "0 600 600" "$? $(ids | wc -l) $(ids | sort -u | wc -l)"
check_equal "every command is in the topic, once" "$(seq 20000 20599 | sha256sum)" "$(stored 20000 20599 | sha256sum)"

criterion "Kafka is out of reach for good" "each line without a reply is named, once; what is called unsent is not in the topic"
mkfifo "$suite_folder/lost"
fed=0
sends_along "$suite_folder/lost" --timeout 3s --output json "${by_proxy[@]}" "${impatient[@]}" --set kafka.producer.message.timeout.ms=3000
exec 9>"$suite_folder/lost"
feed 30000 100
check "replies come" eventually all_answered
kill -STOP "${worker_pids[one]}"
feed 30100 50
are_stored() { [ "$(stored 30000 30299 | wc -l)" -ge "$1" ]; }
check "commands are in the topic while the worker stands still" eventually are_stored 150
tenths 10
proxy_tell kafka hang to-client
feed 30150 50
check "more are, and Kafka's answers do not come" eventually are_stored 151
proxy_tell kafka refuse
feed 30200 100
tenths 40 # so that the reply topic is asked for new partitions
exec 9>&-
check "it ends within 6 s, though Kafka does not answer" until_true 6 process_is_gone "$sender"
wait "$sender"
code=$?
proxy_tell kafka pass
kill -CONT "${worker_pids[one]}"
rows() { jq -r "select(.line) | $1" "$suite_folder/output"; }
check_equal "every line has its reply or is named, once" "69 $(seq 300 | sha256sum)" \
    "$code $({ jq -r 'select(.commandId) | .commandId[2:] | tonumber - 29999' "$suite_folder/output"; rows .line; } | sort -n | sha256sum)"
check_equal "those of the worker that stood still have no reply" "$(seq 101 150)" "$(rows 'select(.result == "unanswered") | .line' | sort -n)"
check "the next one is not confirmed" grep -qx 151 <(rows 'select(.result == "unconfirmed") | .line')
check_equal "the last were not sent" "$(seq 201 300)" "$(rows 'select(.result == "unsent" and .line > 200) | .line' | sort -n)"
check_equal "standard error names the same lines" "$(rows .line | sort -n)" \
    "$(sed -nE 's/^client-intake send: line ([0-9]+) (has no reply|is not confirmed|was not sent).*/\1/p' "$suite_folder/error" | sort -n)"
check_equal "what was not sent is not in the topic" "" \
    "$(comm -12 <(stored 30000 30299 | sort) <(rows 'select(.result == "unsent") | .line + 29999' | sort))"
check_equal "nothing is there twice" "" "$(stored 30000 30299 | uniq -d)"
check_equal "what has no reply stands where that says" "$(rows 'select(.result == "unanswered") | "\(.source.partition) \(.source.offset) c-\(.line + 29999)"' | sort)" \
    "$(kcat -C -X fetch.wait.max.ms=10 -q -b "$kafka_address" -t "$live_name.commands" -e -o beginning -f '%p %o %s\n' | sed -E 's/\{"commandId":"(c-[0-9]+)".*/\1/' \
        | grep -aFxf <(rows 'select(.result == "unanswered") | "\(.source.partition) \(.source.offset) c-\(.line + 29999)"') | sort)"
wait "$nowhere"
read -r code took <"$suite_folder/nowhere"
check "a Kafka that was never there is reported within 20 s, with --no-wait, too: $took ms" [ "$code" -eq 69 -a "$took" -le 20000 ]

# ---- an open pipe ----
mkfifo "$suite_folder/pipe"
sends_along "$suite_folder/pipe"
exec 9>"$suite_folder/pipe"
commands 30 1 >&9
check "the reply to a line comes while the pipe is open" eventually grep -q '"c-30"' "$suite_folder/output"
commands 31 1 >&9
check "and the next one" eventually grep -q '"c-31"' "$suite_folder/output"
exec 9>&-
wait "$sender"
check_equal "it ends with the pipe" 0 $?

# ---- a signal ----

criterion "a signal" "what was sent is answered; what was not is named"
mkfifo "$suite_folder/ended"
sends_along "$suite_folder/ended"
exec 9>"$suite_folder/ended"
commands 32 1 >&9
check "a reply comes from an open pipe" eventually grep -q '"c-32"' "$suite_folder/output"
kill -TERM "$sender"
wait "$sender"
check_equal "TERM ends it, and nothing is left to send" "0 1 0" "$? $(ids | wc -l) $(grep -c . "$suite_folder/error")"
exec 9>&-
commands 2000 400 >"$suite_folder/commands"
sends_along "$suite_folder/commands" --rate 50 --output json
answered_ten() { [ "$(wc -l <"$suite_folder/output")" -ge 10 ]; }
check "the first commands of a file are answered" eventually answered_ten
kill -INT "$sender"
wait "$sender"
code=$?
sent=$(tail -n 1 "$suite_folder/output" | jq .sent)
check_equal "INT ends it, and all that was sent is answered" "69 {\"sent\":$sent,\"unsent\":1,\"answered\":$sent,\"rejected\":0,\"unanswered\":0}" \
    "$code $(tail -n 1 "$suite_folder/output")"
check "which is a part of the file: $sent" [ "$sent" -ge 10 -a "$sent" -lt 400 ]
check_equal "the first line that was not sent is named" \
    "client-intake send: line $((sent + 1)) was not sent: nor was any line behind it, since a signal ended the sending" "$(cat "$suite_folder/error")"

# ---- options ----
began=$(date +%s%3N)
sends --rate 100 <<<"$(commands 40 200)"
took=$(($(date +%s%3N) - began))
check_equal "--rate: all are answered" "0 200" "$code $(ids | sort -u | wc -l)"
check "--rate 100: 200 commands take two seconds" [ "$took" -ge 1900 ]
# An idle pipe saves up no commands.
mkfifo "$suite_folder/idle"
sends_along "$suite_folder/idle" --rate 40
exec 9>"$suite_folder/idle"
commands 240 1 >&9
check "a command is answered" eventually grep -q '"c-240"' "$suite_folder/output"
sleep 2
began=$(date +%s%3N)
commands 7000 120 >&9
exec 9>&-
wait "$sender"
took=$(($(date +%s%3N) - began))
check "after a pause of 2 s, 120 commands at --rate 40 take at least 1.9 s: $took ms" [ "$took" -ge 1900 ]
before=$(messages "$live_name.commands")
sends --no-wait <<<"$(commands 300 50)"
check_equal "--no-wait prints nothing" "0 0" "$code $(wc -l <"$suite_folder/output")"
check_equal "the commands are in the topic" $((before + 50)) "$(messages "$live_name.commands")"
sends --timeout 5 <<<"$(commands 1 1)"
check_equal "a timeout without its unit" 64 "$code"

# ---- progress ----

# on_terminal [OPTION ...]: standard error is a terminal, and standard output is a file: sets code; the error is in a file.
on_terminal() {
    "$BUILD/tests/faults/terminal" "$BUILD/client-intake" send --config "$live_config" "$@" >"$suite_folder/output" 2>"$suite_folder/shown"
    code=$?
}
# The lines of the terminal, as they were one after the other.
shown() {
    sed $'s/\r/\\n/g; s/\033\\[K/<cleared>/g' "$suite_folder/shown"
}
criterion "a terminal" "it shows sent, answered, rejected and a rate; other lines have a line of their own"
{ commands 800 30; echo 'not JSON'; } >"$suite_folder/commands"
on_terminal --rate 20 "$suite_folder/commands"
check_equal "commands are sent from a terminal" "1 31" "$code $(ids | wc -l)"
check "the progress is shown meanwhile" [ "$(shown | grep -cE '^[0-9]{1,2} sent, [0-9]+ answered, 0 rejected, [0-9]+/s<cleared>$')" -ge 3 ]
check_equal "and at the end" "31 sent, 31 answered, 1 rejected" "$(shown | grep . | tail -n 1 | sed -n 's/, [0-9]*\/s<cleared>$//p')"
on_terminal --rate 20 --no-wait "$suite_folder/commands"
check_equal "--no-wait" "0 0" "$code $(ids | wc -l)"
check "it is shown with --no-wait, too" [ "$(shown | grep -cE '^[0-9]{1,2} sent, 0 answered, 0 rejected, [0-9]+/s<cleared>$')" -ge 3 ]
{ commands 840 10; head -c 17000000 /dev/zero | tr '\0' x; echo; } >"$suite_folder/commands"
on_terminal --rate 10 "$suite_folder/commands"
check_equal "a line that is not sent has a line of its own" "69 1" \
    "$code $(shown | grep -cxE '(<cleared>)?client-intake send: line 11 was not sent: it is longer than 16 MiB')"
sends --rate 20 <<<"$(commands 860 10)"
check_equal "what is no terminal gets none" "0 0" "$code $(wc -c <"$suite_folder/error")"

# ---- what has no reply ----
head -c 17000000 /dev/zero | tr '\0' 'x' >"$suite_folder/long"
{ echo; commands 400 1; cat "$suite_folder/long"; echo; commands 401 1; } >"$suite_folder/commands"
sends "$suite_folder/commands"
check_equal "a line that is too long to be sent" "69 2" "$code $(ids | wc -l)"
check "is named" grep -qx 'client-intake send: line 3 was not sent: it is longer than 16 MiB' "$suite_folder/error"
worker_stop one
sends --timeout 1s <<<"$(commands 500 3)"
check_equal "without a worker it ends" "69 0" "$code $(ids | wc -l)"
check_equal "and names each command by line and place" 3 \
    "$(grep -cE "^client-intake send: line [1-3] has no reply: $live_name.commands/[0-2]/[0-9]+$" "$suite_folder/error")"
commands 1000000 16390 >"$suite_folder/commands"
sends --timeout 1s --output json "$suite_folder/commands"
check_equal "more commands than may wait for their replies" "69 16384" "$code $(grep -c ' has no reply: ' "$suite_folder/error")"
check_equal "the first line that is not sent for that is named" "client-intake send: line 16385 was not sent: nor was any line behind it" \
    "$(sed -n 's/, since replies .*//p' "$suite_folder/error")"
check_equal "and counted" "16384 1 16384" "$(tail -n 1 "$suite_folder/output" | jq -r '"\(.sent) \(.unsent) \(.unanswered)"')"

# A command that was on its way when Kafka fell silent.
kafka_pid=$(cat "$kafka_folder/pid")
mkfifo "$suite_folder/silent"
sends_along "$suite_folder/silent" --no-wait --set kafka.producer.message.timeout.ms=3000
exec 9>"$suite_folder/silent"
commands 700 1 >&9
check "a command is sent" eventually correlation_of c-700
kill -STOP "$kafka_pid"
commands 701 1 >&9
exec 9>&-
wait "$sender"
check_equal "a command that is not confirmed" 69 $?
check_equal "is not called unsent" "line 2 is not confirmed, Kafka may have it or not" \
    "$(sed -nE 's/^client-intake send: (line [^:]*): .*/\1/p' "$suite_folder/error")"
kill -CONT "$kafka_pid"
check "and Kafka has it" eventually correlation_of c-701

# Replies in partitions that are added while others have none yet.
mkfifo "$suite_folder/added"
sends_along "$suite_folder/added" --timeout 60s
exec 9>"$suite_folder/added"
commands 600 1 >&9
check "a command is sent" eventually correlation_of c-600
check "the reply topic gets partitions" "$BUILD/tests/faults/topic_config" "$kafka_address" grow "$live_name.replies" 6
answer() {
    printf '{"answers":"c-600"}' | kcat -P -b "$kafka_address" -t "$live_name.replies" -p 5 -H "$(correlation_of c-600)"
}
check "one of them has the reply" eventually answer
exec 9>&-
wait "$sender"
check_equal "it is found" '0 {"answers":"c-600"}' "$? $(cat "$suite_folder/output")"

commands 400 2 >"$suite_folder/commands"
sends_along "$suite_folder/commands" --timeout 1h
sent_more() { [ -n "$(correlation_of c-401 | sed -n 2p)" ]; }
eventually sent_more
interrupt_again() { kill -INT "$sender" 2>/dev/null; process_is_gone "$sender"; }
check "a second signal ends it" eventually interrupt_again
wait "$sender"
check_equal "with 2" 2 $?
faults_worker_start one

# ---- many, and a broker that goes away ----
peak_of() {
    local peak=0 now
    while now=$(awk '/^VmHWM/ { print $2 }' "/proc/$1/status" 2>/dev/null) && [ -n "$now" ]; do
        peak=$now
        sleep 0.05
    done
    echo "$peak"
}
# The peak of a process that reads all of its lines: in KiB.
send_many() {
    commands "$1" "$2" >"$suite_folder/many"
    sends_along "$suite_folder/many" --timeout 120s "${@:3}"
    peak=$(peak_of "$sender")
    wait "$sender"
    code=$?
}
send_many 100000 2000 --ordered
small=$peak
check_equal "2000 commands: each has its reply, in order" "0 same" "$code $(ids | cmp -s - <(seq -f 'c-%.0f' 100000 101999) && echo same)"
send_many 200000 "$many" --ordered
check_equal "$many commands: the same" "0 same" "$code $(ids | cmp -s - <(seq -f 'c-%.0f' 200000 $((200000 + many - 1))) && echo same)"
check "memory is bounded: $((small / 1024)) MiB for 2000, $((peak / 1024)) MiB for $many" [ "$peak" -le $((small + 65536)) ]

before=$(messages "$live_name.commands")
commands 400000 4000 >"$suite_folder/many"
sends_along "$suite_folder/many" --rate 1000 --timeout 120s
answered_some() { [ "$(wc -l <"$suite_folder/output")" -ge 500 ]; }
check "replies come" eventually answered_some
tests/kafka/stop --kill "$kafka_folder"
sleep 2
check "the broker is away and comes back" tests/kafka/start "$kafka_folder"
wait "$sender"
check_equal "all commands are answered" "0 4000" "$? $(ids | sort -u | wc -l)"
check_equal "each is in the topic once" $((before + 4000)) "$(messages "$live_name.commands")"
check_replies "$suite_folder/output"
worker_stop one
check_equal "there is no group but the worker's" "$live_name" "$(kafka_groups)"
suite_end

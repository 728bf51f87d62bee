#!/usr/bin/env bash
# dead-letters retry is killed, overtaken and held up: each letter is sent once.
. "$(dirname "$0")/../lib/letters.sh" || exit 1

live_begin 3
LIVE_DEFINITIONS=
criterion "kill -9 of a retry at each of $(retry_points | wc -l) named points" "the next one sends each letter once"
check "there are points" [ "$(retry_points | wc -l)" -ge 6 ]
for point in $(retry_points); do
    letters_add 1100
    case $point in retry-ready | retry-read) passes=0 ;; *) passes=1 ;; esac
    deadly_retry "$point" "$passes" KILL
    wait "$retry_pid" 2>/dev/null
    check_equal "it is killed at $point" "failpoint $point" "$(tail -n 1 "$suite_folder/deadly-error")"
    retry
    check_equal "the next one after $point ends well" 0 $?
    each_is_sent_once "$point"
done

criterion "a second retry while one is frozen" "the first ends, and each letter is sent once"
for point in retry-read retry-sent retry-noted retry-committed; do
    letters_add 700
    deadly_retry "$point" 0 STOP
    check "one is frozen at $point" eventually retry_is_stopped
    retry
    check_equal "the second one ends well" 0 $?
    kill -CONT "$retry_pid"
    wait "$retry_pid"
    check_equal "the first one ends with 69" 69 $?
    check "and says why" grep -q "another retry has begun" "$suite_folder/deadly-error"
    each_is_sent_once "overtaken at $point"
done

criterion "retries that begin at the same time" "each letter is sent once"
letters_add 2000
pids=()
for number in 1 2 3 4; do
    live_intake dead-letters retry --apply >"$suite_folder/together-$number" 2>&1 &
    pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done
retry
each_is_sent_once "together"

# The notes of a retry stand behind the open transaction of a worker, where a read_committed reader does not see them.
criterion "notes behind an open transaction" "the next retry waits for it, and sends nothing twice"
letters_add 50
deadly_retry retry-read 0 STOP
check "a retry is frozen" eventually retry_is_stopped
printf 'broken' | kcat -P -b "$kafka_address" -X partitioner=murmur2_random -t "$live_name.commands" -k ws-1
deadly_signal=STOP
deadly_worker_start one after-offsets 0 --set kafka.producer.transaction.timeout.ms=30000
check "a worker is frozen in its transaction" eventually worker_is_stopped one
kill -CONT "$retry_pid"
wait "$retry_pid"
check_equal "the retry sends its letters" "0 50" "$? $(grep -c ': sent to ' "$suite_folder/deadly")"
check_equal "its notes cannot be seen yet" 50 "$(live_intake dead-letters list --output json | grep -c '"retries":0,"retried":\[\]')"
deadly_retry retry-ready 0 STOP
check "another one is frozen before it waits" eventually retry_is_stopped
kill -TERM "$retry_pid"
kill -CONT "$retry_pid"
wait "$retry_pid"
check_equal "TERM ends its wait with 2" 2 $?
retry &
retry_pid=$!
sleep 1
check "the next retry waits" process_runs "$retry_pid"
# A producer that comes with the same transactional id ends the transaction; otherwise its time does.
kcat -P -b "$kafka_address" -t "$live_name.commands" -X transactional.id="$live_name-one-0" </dev/null \
    || suite_fail "the transaction of the worker is ended"
wait "$retry_pid"
check_equal "it sends nothing" "0 0" "$? $(grep -c ': sent to ' "$suite_folder/retry")"
each_is_sent_once "behind an open transaction"
worker_kill one

criterion "letters that come while a retry is under way" "it ends where the topic ended at its start; the next one sends them"
letters_add 40
deadly_retry retry-read 0 STOP
check "a retry is frozen when it has read" eventually retry_is_stopped
letters_add 30
kill -CONT "$retry_pid"
wait "$retry_pid"
check_equal "it sends those of its start" "0 40" "$? $(grep -c ': sent to ' "$suite_folder/deadly")"
retry
check_equal "and the next one those that came later" "0 30" "$? $(grep -c ': sent to ' "$suite_folder/retry")"
each_is_sent_once "while more came"

criterion "TERM" "the transaction in hand is finished, the rest is not sent, and a later retry sends it"
letters_add 1500
deadly_retry retry-sent 1 STOP
check "a retry is frozen in its second transaction" eventually retry_is_stopped
kill -TERM "$retry_pid"
kill -CONT "$retry_pid"
wait "$retry_pid"
check_equal "it ends with 2" 2 $?
check_equal "after the transaction in hand" 1000 "$(grep -c ': sent to ' "$suite_folder/deadly")"
check "and says that there is more" grep -q "the rest was not sent" "$suite_folder/deadly-error"
retry
each_is_sent_once "after TERM"

criterion "--rate after a long reading" "the time of the reading does not count"
letters_add 60
deadly_retry retry-read 0 STOP --rate 20
check "a retry is frozen when it has read" eventually retry_is_stopped
sleep 4
began=$(date +%s%3N)
kill -CONT "$retry_pid"
wait "$retry_pid"
check_equal "it sends its letters" "0 60" "$? $(grep -c ': sent to ' "$suite_folder/deadly")"
took=$(($(date +%s%3N) - began))
check "60 letters at --rate 20 take 2.8 s: $took ms" [ "$took" -ge 2800 ]
each_is_sent_once "slowly"

# ---- progress ----

# on_terminal ACTION ...: standard error is a terminal, and standard output a pipe whose reader takes its time: what the
# run prints there is in $suite_folder/shown, and $code is its exit code.
on_terminal() {
    "$BUILD/tests/faults/terminal" "$BUILD/client-intake" dead-letters "$@" --config "$live_config" 2>"$suite_folder/shown" \
        | { sleep 1; cat >/dev/null; }
    code=${PIPESTATUS[0]}
}

shows() {
    tr '\r' '\n' <"$suite_folder/shown" | grep -qE -e "$1"
}

criterion "a long run" "its progress is shown on a terminal, and removed at its end; elsewhere nothing is shown"
letters_add 40
on_terminal list --output json
check_equal "list ends well on a terminal" 0 "$code"
check "list shows its progress" shows '^[0-9]+ of [0-9]+ offsets of dead letters \([0-9]+%\), [0-9]+/s'
check_equal "and removes it" $'\r\033[K' "$(tail -c 4 "$suite_folder/shown")"
on_terminal retry --apply --limit 30 --rate 20
check_equal "retry ends well on a terminal" 0 "$code"
check "retry shows its progress" shows '^[0-9]+ of 30 letters \([0-9]+%\), [0-9]+/s, [0-9]+ s left'
check_equal "and removes it" $'\r\033[K' "$(tail -c 4 "$suite_folder/shown")"
retry --rate 20
check_equal "what is no terminal gets none" "0 0" "$? $(wc -c <"$suite_folder/retry-error")"
each_is_sent_once "with a terminal and without"

# ---- what the command topic does not take ----

# command_limit BYTES: the longest that the command topic takes, from now on.
command_limit() {
    "$BUILD/tests/faults/topic_config" "$kafka_address" set "$live_name.commands" "max.message.bytes=$1"
}

# A broker goes by a new limit some time after it has confirmed it.
is_taken() {
    kcat -P -b "$kafka_address" -t "$live_name.commands" -k probe "$suite_folder/large"
}

is_refused() {
    ! is_taken
}

# large_letters COUNT: letters whose value is $suite_folder/large. Each file that is given is one message.
large_letters() {
    local files=() i
    for ((i = 0; i < $1; i++)); do files[i]=$suite_folder/large; done
    kcat -P -b "$kafka_address" -X partitioner=murmur2_random -t "$live_name.dead-letters" -k ws-1 -H "dlq-topic=$live_name.commands" \
        -H dlq-partition=0 -H dlq-offset=8 -H dlq-code=large "${files[@]}" || suite_fail "large letters were added"
}

# The offsets of the command topic that are no messages: each transaction, committed or aborted, leaves one in each of its
# partitions.
markers() {
    # shellcheck disable=SC2046 # options
    echo $(($(kcat -Q -b "$kafka_address" $(printf -- "-t $live_name.commands:%d:-1 " 0 1 2) | awk '{ sum += $NF } END { print sum }') \
        - $(kcat -b "$kafka_address" -C -X isolation.level=read_uncommitted -t "$live_name.commands" -o beginning -e -q -f '.\n' | wc -l)))
}

# What does not shrink when it is compressed.
head -c 150000 /dev/urandom | base64 -w 0 | head -c 200000 >"$suite_folder/large"
command_limit 100000
check "the command topic takes no long command any more" eventually is_refused

criterion "200 letters that the command topic refuses as too large, and many short ones" \
    "they are refused by name, and never sent; all others are sent, in batches that the topic takes"
letters_add 3000
large_letters 200
letters_add 3000
live_intake dead-letters retry >"$suite_folder/retry" 2>"$suite_folder/retry-error"
check_equal "it is known before" "1 200 6000" "$? $(grep -c 'refused: it would have .* at most 100000, its max.message.bytes' "$suite_folder/retry") $(grep -c ': would be sent to ' "$suite_folder/retry")"
before=$(markers)
began=$(date +%s%3N)
retry
check_equal "they are refused" "1 200" "$? $(grep -c 'refused: it would have .* at most 100000, its max.message.bytes' "$suite_folder/retry")"
check_equal "the others are sent" 6000 "$(grep -c ': sent to ' "$suite_folder/retry")"
live_settle "$live_name.commands" "$live_name.dead-letters"
check "no transaction is undone: $(($(markers) - before)) markers, $(($(date +%s%3N) - began)) ms" [ $(($(markers) - before)) -le 45 ]
each_is_sent_once "beside letters that are too large"

# Where commands are compressed, only the broker knows. The second run gives librdkafka no command before those before it
# were answered: what is refused is then told while the others of its transaction are still to come. The third one sends
# each command in a request of its own, some of which are under way when one is refused. In the last one librdkafka's queue
# has no room for them.
criterion "letters that are too large though they are compressed" "they are refused by name, and all others are sent"
large_count=0
beginning=$(date -u +%FT%TZ)
sleep 1 # --since takes whole seconds
for options in "" "--set kafka.producer.queue.buffering.max.messages=10" \
    "--set kafka.producer.batch.num.messages=1 --set kafka.producer.linger.ms=0" \
    "--set kafka.producer.queue.buffering.max.kbytes=1000"; do
    for ((i = 0; i < 2; i++)); do
        letters_add 20
        large_letters 1
        large_count=$((large_count + 1))
    done
    letters_add 20
    # shellcheck disable=SC2086
    retry --since "$beginning" --set kafka.producer.compression.type=gzip $options
    check_equal "they are refused${options:+ with $options}" "1 $large_count" "$? $(grep -c 'refused: the topic, or kafka.producer.message.max.bytes, takes no command of its size' "$suite_folder/retry")"
    check_equal "the others are sent" 60 "$(grep -c ': sent to ' "$suite_folder/retry")"
    each_is_sent_once "around letters that are too large"
done
criterion "a letter that has exactly as many bytes as the command topic takes, and one byte more" \
    "what the retry takes for its length is what the broker takes"
# exactly BYTES: limits the topic so. A command like that of the retry has this length.
exactly() {
    command_limit "$1" && { eventually is_length_taken "$2" || suite_fail "the topic takes $1 bytes: $2"; }
}
like_the_retry() {
    kcat -P -b "$kafka_address" -t "$live_name.commands" -k ws-1 -H "command-id=$live_name.commands/0/8" -H dlq-retries=1 "$suite_folder/large"
}
is_length_taken() {
    if like_the_retry 2>/dev/null; then [ "$1" = yes ]; else [ "$1" = no ]; fi
}
head -c 70000 "$suite_folder/large" >"$suite_folder/shorter"
mv "$suite_folder/shorter" "$suite_folder/large"
large_letters 1
command_limit 60000
live_intake dead-letters retry >"$suite_folder/retry"
length=$(sed -n 's/.*refused: it would have \(70[0-9]*\) bytes.*/\1/p' "$suite_folder/retry" | tail -n 1)
check "it tells the length: $length" [ "${length:-0}" -gt 70000 ]
exactly $((length - 1)) no
retry
check_equal "one byte too long is refused" 1 "$(grep -c "refused: it would have $length bytes" "$suite_folder/retry")"
exactly "$length" yes
retry
check_equal "the length itself is sent" "1 0" "$(grep -c ': sent to ' "$suite_folder/retry") $(grep -c "refused: it would have $length bytes" "$suite_folder/retry")"

command_limit 1000000
check "the command topic takes long commands again" eventually is_taken
check "with a higher limit they are sent" retry

# ---- letters that are deleted ----

# trimmed_during ACTION ...: the first letters are read, and then all but the last are deleted. Sets code.
trimmed_during() {
    local first last pid
    mkfifo "$suite_folder/rows"
    "$BUILD/client-intake" dead-letters "$@" --config "$live_config" >"$suite_folder/rows" 2>"$suite_folder/trim-error" &
    pid=$!
    exec {rows}<"$suite_folder/rows"
    read -r first <&"$rows"
    check "$1 has begun" [ -n "$first" ]
    for partition in 0 1 2; do
        last=$(kcat -Q -b "$kafka_address" -t "$live_name.dead-letters:$partition:-1" | sed 's/.* offset //')
        "$BUILD/tests/faults/topic_config" "$kafka_address" trim "$live_name.dead-letters" "$partition" "$last"
    done
    cat <&"$rows" >"$suite_folder/rest"
    exec {rows}<&-
    wait "$pid"
    code=$?
    rm "$suite_folder/rows"
}

criterion "letters that retention deletes while they are read" "what is missing is named, the rest is done, and it ends with 3"
letters_add 20000
trimmed_during list --output json
check_equal "list is incomplete" 3 "$code"
check "and names the offsets" grep -qE "dead-letters/[0-2]: offsets [0-9]+ to [0-9]+ cannot be read: they were deleted while they were read" "$suite_folder/trim-error"
letters_add 20000
trimmed_during retry
check_equal "a retry is incomplete" 3 "$code"
check "and names the offsets" grep -qE "dead-letters/[0-2]: offsets [0-9]+ to [0-9]+ cannot be read: they were deleted while they were read" "$suite_folder/trim-error"
check "what is gone is refused" grep -q ": refused: there is no letter" "$suite_folder/rest"

criterion "a batch with wrong offsets in the dead-letter topic" "its offsets and the reason are named, and list ends with 3"
"$BUILD/tests/faults/wrong_offsets" "${kafka_address%:*}" "${kafka_address#*:}" "$live_name.dead-letters" 0 1000000=no 1=no >/dev/null \
    || suite_fail "a batch with wrong offsets is sent"
letters_add 30
live_intake dead-letters list >"$suite_folder/rows" 2>"$suite_folder/error"
check_equal "list is incomplete" 3 $?
check "and says why" grep -qE "dead-letters/0: offsets [0-9]+ to [0-9]+ cannot be read: the producer of their batch gave wrong offsets" "$suite_folder/error"

suite_end

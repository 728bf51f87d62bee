# letters: what the suites about retries of dead letters share. live_begin or faults_begin must come before its functions.
# shellcheck shell=bash

# shellcheck source=tests/lib/faults.sh
. "$(dirname "${BASH_SOURCE[0]}")/faults.sh"

letter_count=0 # letters of the values letter-1, letter-2, ...

# letters_add COUNT: more of them, as the worker writes them.
letters_add() {
    seq -f letter-%.0f $((letter_count + 1)) $((letter_count + $1)) \
        | kcat -P -b "$kafka_address" -X partitioner=murmur2_random -t "$live_name.dead-letters" -k ws-1 \
            -H "dlq-topic=$live_name.commands" -H dlq-partition=0 -H dlq-offset=7 -H dlq-timestamp=0 \
            -H dlq-code=malformed_json -H "dlq-message=the text is not JSON at byte 0" || suite_fail "letters were added"
    letter_count=$((letter_count + $1))
}

retry() {
    live_intake dead-letters retry --apply "$@" >"$suite_folder/retry" 2>"$suite_folder/retry-error"
}

# deadly_retry POINT PASSES SIGNAL [OPTION ...]: begins one that ends or freezes there; its process is $retry_pid.
deadly_retry() {
    : >"$suite_folder/deadly-error" # what an earlier one said is not awaited
    FAILPOINT=$1 FAILPOINT_AFTER=$2 FAILPOINT_SIGNAL=$3 "$BUILD/tests/faults/client-intake" dead-letters retry --apply \
        --config "$live_config" "${@:4}" >"$suite_folder/deadly" 2>"$suite_folder/deadly-error" &
    retry_pid=$!
}

retry_is_stopped() {
    [ "$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$retry_pid/status" 2>/dev/null)" = T ]
}

read_topic() {
    kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -X isolation.level=read_committed -t "$live_name.$1" -o beginning -e -q -f "$2"
}

# Every letter became one command, and has one note that names it.
each_is_sent_once() {
    live_settle "$live_name.commands" "$live_name.dead-letters"
    check_equal "$1: each letter is sent once" "$(seq -f letter-%.0f "$letter_count" | sort | sha256sum)" \
        "$(read_topic commands '%s\n' | grep '^letter-' | sort | sha256sum)"
    check_equal "$1: each has one note" "$letter_count $letter_count" \
        "$(read_topic dead-letters '%h\n' | sed -n 's/^dlq-retried=\([^,]*\),dlq-retried-to=.*/\1/p' | tee "$suite_folder/notes" | wc -l) $(sort -u "$suite_folder/notes" | wc -l)"
    check_equal "$1: each note names its command" "$(read_topic commands '%t/%p/%o %s\n' | grep ' letter-' | cut -d' ' -f 1 | sort | sha256sum)" \
        "$(read_topic dead-letters '%h\n' | sed -n 's/^dlq-retried=.*,dlq-retried-to=//p' | sort | sha256sum)"
}

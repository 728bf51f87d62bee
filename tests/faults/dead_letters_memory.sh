#!/usr/bin/env bash
# dead-letters list and retry take the same memory however many letters there are, and whatever is in them.
. "$(dirname "$0")/../lib/letters.sh" || exit 1
. "$(dirname "$0")/../lib/memory.sh" || exit 1

few=$(faults_choose 10000 100000)
many=$(faults_choose 25000 1000000)
most=64   # MiB, the bound of docs/dead-letters.md
# MiB, between few letters and many. The few of the long form fill nearly every buffer: they took 23 to 28 MiB, and many 30 or
# 31. Eleven bytes for each of the 900,000 letters more would be over this.
apart=$(faults_choose 16 9)
# What changes something cannot be measured again. Sixteen bytes for each of the 900,000 letters more would be over this.
apart_once=$(faults_choose 16 12)
wait_seconds=$(faults_choose 120 1200)

criterion "$few letters, and then $many" "list, its groups and a retry stay below $most MiB, and take the same for many as for few"
criterion "letters with 200 KB of headers, or with keys or values of 900 KB" "what is fetched ahead is bounded"

live_begin 3
LIVE_DEFINITIONS=
declare -A peaks=()

# peak_of COMMAND ...: sets peak, the most resident memory of a process in KiB, and peak_code.
peak_of() {
    local pid value
    peak=0
    "$@" >"$suite_folder/peak" 2>"$suite_folder/peak-error" &
    pid=$!
    while value=$(memory_of "$pid" VmHWM) && [ -n "$value" ]; do
        peak=$value
        read -rt 0.02 -u "$pause"
    done
    wait "$pid"
    peak_code=$?
}
exec {pause}<> <(:)

# stays_below EXPECTED_CODE ACTION ...
stays_below() {
    peak_of "$BUILD/client-intake" dead-letters "${@:2}" --config "$live_config"
    check_equal "${*:2} ends as expected" "$1" "$peak_code"
    if [ "$peak" -gt 0 ] && [ "$peak" -lt $((most * 1024)) ]; then
        suite_pass "${*:2}: $((peak / 1024)) MiB at most, of $most"
    else
        suite_fail "${*:2}" "$((peak / 1024)) MiB, of $most"
    fi
}

# is_above_few WHAT
is_above_few() {
    [ -n "${peaks[$1]:-}" ] && [ "$peak" -ge $((${peaks[$1]} + apart * 1024)) ]
}

# stays_flat COUNT EXPECTED_CODE ACTION ...: the same; it takes hardly more for many letters than for few. How much is
# fetched at a time differs by some MiB from run to run, so what changes nothing is run again where it took more.
stays_flat() {
    local what="${*:3}" allowed=$apart least _
    [[ $what != *--apply* ]] || allowed=$apart_once
    stays_below "${@:2}"
    least=$peak
    for _ in 2 3; do
        [[ $what != *--apply* ]] && is_above_few "$what" || break
        peak_of "$BUILD/client-intake" dead-letters "${@:3}" --config "$live_config"
        [ "$peak" -ge "$least" ] || least=$peak
    done
    peak=$least
    if [ -z "${peaks[$what]:-}" ]; then
        peaks[$what]=$peak
    elif [ "$peak" -lt $((${peaks[$what]} + allowed * 1024)) ]; then
        suite_pass "$what: $((peak / 1024)) MiB with $1 letters, $((${peaks[$what]} / 1024)) with fewer"
    else
        suite_fail "$what grows" "$((peak / 1024)) MiB with $1 letters, $((${peaks[$what]} / 1024)) with fewer"
    fi
}

listed() {
    grep -c '"code":"malformed_json"' "$suite_folder/peak"
}

# all_are_answered COUNT: so many commands that were sent again have an outcome. Each is a letter again, too.
all_are_answered() {
    live_intake dead-letters list --output json >"$suite_folder/rows"
    [ "$(grep -c '"outcome":"malformed_json"' "$suite_folder/rows")" -eq "$1" ]
}

sent=0
for count in "$few" "$many"; do
    letters_add $((count - letter_count))
    stays_below 0 list --output json # with many letters, it looks for replies to the few that were retried
    check_equal "every letter is listed" $((count + sent)) "$(listed)"
    stays_flat "$count" 0 list --group
    stays_flat "$count" 0 retry
    check_equal "and would be sent" $((count - sent)) "$(grep -c ': would be sent to ' "$suite_folder/peak")"
    stays_flat "$count" 0 retry --apply
    check_equal "and is sent" $((count - sent)) "$(grep -c ': sent to ' "$suite_folder/peak")"
    sent=$count
    worker_start one
    check "the worker answers" until_true "$wait_seconds" all_are_answered "$sent"
    worker_stop one
    stays_flat "$count" 0 list --output json
    check_equal "and has its outcome" "$sent" "$(grep -c '"outcome":"malformed_json"' "$suite_folder/peak")"
    stays_flat "$count" 0 retry --apply --since 2000-01-01T00:00:00Z # has nothing to send
    check "and is passed over" grep -q "^0 sent, 0 refused, $((2 * sent)) passed over" "$suite_folder/peak"
done

# heavy COUNT NAME FORM_OPTION ...
heavy() {
    "$BUILD/tests/faults/form" send --bootstrap "$kafka_address" --topic "$live_name.dead-letters" --partition 1 --count "$1" \
        "${@:3}" --header "dlq-topic=$live_name.commands" --header dlq-partition=0 --header dlq-offset=9 \
        --header "dlq-code=$2" >/dev/null || suite_fail "letters of $2 were sent"
}

heavy_count=$(faults_choose 120 1000)
heavy "$heavy_count" headers --value garbage --headers 20:5:10000
heavy "$heavy_count" key --value garbage --key 900000
heavy "$heavy_count" value --value good:900000
for code in headers key value; do
    stays_below 0 list --code "$code" --output json
    check_equal "every letter of $code is listed" "$heavy_count" "$(grep -c "\"code\":\"$code\"" "$suite_folder/peak")"
    stays_below 0 retry --code "$code"
    check_equal "all would be sent" "$heavy_count" "$(grep -c ': would be sent to ' "$suite_folder/peak")"
done
suite_end

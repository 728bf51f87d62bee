#!/usr/bin/env bash
# How tests wait: what a limit counts on a machine that is overloaded, and on one that is not.
cd "$(dirname "$0")/.." || exit 1
. tests/lib/suite.sh

suite_begin
suite_cores=2
suite_stat=$suite_folder/stat

# so_many_run COUNT: so many threads want to run, beside the one that looks.
so_many_run() {
    printf 'cpu 1 2 3\nprocs_running %d\nprocs_blocked 0\n' "$(($1 + 1))" >"$suite_stat"
}

# takes FROM TO COMMAND ...: it fails after at least FROM and less than TO tenths of a second.
takes() {
    local began=${EPOCHREALTIME/[.,]/} tenths
    ! "${@:3}" || return 1
    tenths=$(((${EPOCHREALTIME/[.,]/} - began) / 100000))
    [ "$tenths" -ge "$1" ] && [ "$tenths" -lt "$2" ]
}

share_is() {
    suite_take_share
    [ "$suite_share" -eq "$1" ]
}

so_many_run 0
check "where nothing runs every second counts" share_is 1000
so_many_run 2
check "and where every core is busy" share_is 1000
so_many_run 5
check "with five threads for two cores two fifths do" share_is 400
so_many_run 1000
check "and never less than a quarter" share_is 250

so_many_run 0
check "a limit is one of seconds" takes 10 100 until_true 1 false
so_many_run 4
check "of which an overloaded machine has fewer" takes 20 200 until_true 1 false
check_equal "what counted is told" 1 "$((suite_clock_ms / 1000))"
check "what is true is seen at once" until_true 0 true

tried=0
third_time() {
    tried=$((tried + 1))
    [ "$tried" -ge 3 ]
}
check "what becomes true is awaited" eventually third_time

meets_a_failure() {
    suite_fail "a failure in a condition"
}
told=$(
    suite_begin
    until_true 1 meets_a_failure
    suite_end
)
check_equal "a failure in a condition is told" 1 "$(grep -c '^NOT OK: a failure' <<<"$told")"
suite_end

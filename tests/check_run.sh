#!/usr/bin/env bash
# What tests/run makes of suites that pass, fail, skip, crash, say nothing, or take too long, in one lane and in two, and
# what it shows of those that fail, and in which order they begin.
. "$(dirname "$0")/lib/suite.sh" || exit 1

# suite NAME COMMAND: a suite that runs the command.
suite() {
    echo "$2" >"$suite_folder/$1.sh"
}

# outcome_of LANES NAME ...: the last line of tests/run, and its exit status. Some may run at a time.
outcome_of() {
    local lanes=$1 output status
    shift
    output=$(BUILD=$(mktemp -d "$suite_folder/build.XXXXXX") SUITE_SECONDS=5 tests/run --lanes "$lanes" "${@/%/.sh}")
    status=$?
    echo "$(tail -n 1 <<<"$output"), $status"
}

suite_begin
suite passes 'echo "3 passed, 0 failed"'
suite asserts 'echo "75%: Checks: 4, Failures: 1, Errors: 0"; exit 1'
suite skips 'echo "SKIPPED: why"; echo "1 passed, 0 failed, 2 skipped"'
suite fails 'echo "1 passed, 2 failed"; exit 1'
suite crashes 'echo "5 passed, 0 failed"; kill -SEGV $$'
suite ends 'true'
suite counts_nothing 'echo "0 passed, 0 failed"'
suite hangs 'sleep 10'

cases=("passes=3 passed, 0 failed, 0" "asserts=3 passed, 1 failed, 1" "skips=1 passed, 0 failed, 2 skipped, 0"
    "fails=1 passed, 2 failed, 1" "crashes=5 passed, 1 failed, 1" "ends=0 passed, 1 failed, 1"
    "counts_nothing=0 passed, 1 failed, 1" "hangs=0 passed, 1 failed, 1")
# One of each of these runs hangs until its time is over, so they run at the same time.
declare -A together=()
for lanes in 1 2 3; do
    outcome_of "$lanes" "$suite_folder"/{passes,asserts,skips,fails,crashes,ends,counts_nothing,hangs} >"$suite_folder/together-$lanes" &
    together[$lanes]=$!
done
for case in "${cases[@]}"; do
    check_equal "a suite that ${case%%=*}" "${case#*=}" "$(outcome_of 1 "$suite_folder/${case%%=*}")"
done
for lanes in 1 2 3; do
    wait "${together[$lanes]}"
    check_equal "all of them together, $lanes at a time" "13 passed, 7 failed, 2 skipped, 1" "$(cat "$suite_folder/together-$lanes")"
done

# ---- the order ----

for name in short long unknown; do suite "$name" "echo $name >>$suite_folder/order; echo '1 passed, 0 failed'"; done
printf '%s\n' '3.0 short.sh' '20.5 long.sh' >"$suite_folder/figures"
# order_of LANES: in which suites begin that are given as short, long, unknown.
order_of() {
    rm -f "$suite_folder/order"
    BUILD=$suite_folder SUITE_FIGURES=$suite_folder/figures tests/run --lanes "$1" "$suite_folder"/{short,long,unknown}.sh >/dev/null
    xargs <"$suite_folder/order"
}
check_equal "one at a time they keep their order" "short long unknown" "$(order_of 1)"
check_equal "otherwise the shortest comes last" short "$(order_of 2 | cut -d' ' -f3)"

# ---- what is shown of a failed suite: its failed checks, however far they are from the end, and then the end ----

# shown_of NAME: what tests/run prints of a suite.
shown_of() {
    BUILD=$suite_folder SUITE_SECONDS=5 tests/run "$suite_folder/$1.sh"
}
# What was shown of the failed checks: the lines between the two headings.
failed_lines() {
    sed -nE '/^ +failed in .*:$/,/^ +the end of .*:$/s/^ +\| (.*)/\1/p'
}
suite fails_early 'echo "NOT OK: the first one: expected 1, got 2"; echo "  oracle: NOT OK: a reply (3 violations)"
    seq 1 500; echo "ok: NOT OK: is no failure"; echo "498 passed, 2 failed"'
suite asserts_early 'echo "tests/unit/test_x.c:12:P:core:passes:0: Passed"
    echo "tests/unit/test_x.c:123:F:core:adds:0: Assertion failed"; echo "tests/unit/test_x.c:9:E:core:dies:0: (after this point) signal 11"
    seq 1 500; echo "33%: Checks: 3, Failures: 1, Errors: 1"; exit 1'
suite fails_often 'for number in $(seq 1 1000); do echo "NOT OK: number $number"; done; echo "0 passed, 1000 failed"'
suite fails_widely 'printf "NOT OK: "; head -c 1000000 /dev/zero | tr "\0" x; echo; echo "0 passed, 1 failed"'
suite passes_amid 'echo "NOT OK: printed by the way"; echo "1 passed, 0 failed"'

check_equal "failed checks of a shell suite are shown, with those of a program that it ran" \
    "NOT OK: the first one: expected 1, got 2
  oracle: NOT OK: a reply (3 violations)" "$(shown_of fails_early | failed_lines)"
check_equal "failures and errors of a suite of the Check library are shown" \
    "tests/unit/test_x.c:123:F:core:adds:0: Assertion failed
tests/unit/test_x.c:9:E:core:dies:0: (after this point) signal 11" "$(shown_of asserts_early | failed_lines)"
suite says_why 'echo "of another check"; echo "ok: it begins"; for line in 1 2 3 4; do echo "why: $line"; done
    echo "NOT OK: it goes on: gave 69"; seq 1 500; echo "1 passed, 1 failed"'
check_equal "with the last three lines that came before it since the check before" "why: 2
why: 3
why: 4
NOT OK: it goes on: gave 69" "$(shown_of says_why | failed_lines)"
check_equal "then the end of its output" "500" "$(shown_of asserts_early | tail -n 3 | sed -nE '1s/^ +\| //p')"
check_equal "of a thousand failed checks sixty are shown, with the number of the rest" "61 and 940 more" \
    "$(shown_of fails_often | failed_lines | sed -n '$=;$p' | tr '\n' ' ' | sed 's/ $//')"
check "a line of a megabyte is cut" [ "$(shown_of fails_widely | wc -c)" -lt 5000 ]
check_equal "a suite without output has no failed checks to show" "" "$(shown_of ends | failed_lines)"
check "a suite that passes shows nothing of its output" eval '! shown_of passes_amid | grep -q "NOT OK"'
# ---- what a failed check itself tells ----

# told_by COMMANDS: the failed checks of a suite that runs them.
told_by() {
    (
        suite_begin
        declare -A worker_logs=([one]=$suite_folder/one.log)
        eval "$1"
        suite_end
    ) | sed -n 's/^NOT OK: //p'
}
check_equal "it tells the end of what the command wrote to standard error" "it ends: expected '0', got '69' [retry-error: b|c|d|]" \
    "$(told_by 'seq 9 >"$suite_folder/put"; touch -d "1 minute ago" "$suite_folder/put"; echo of a worker >"$suite_folder/one.log"
        printf "a\nb\nc\nd\n" >"$suite_folder/retry-error"; check_equal "it ends" 0 69')"
check_equal "and nothing if it wrote nothing" "it ends: expected '0', got '69'" \
    "$(told_by 'seq 9 >"$suite_folder/put"; touch -d "1 minute ago" "$suite_folder/put"; : >"$suite_folder/error"; check_equal "it ends" 0 69')"
check_equal "a difference of several lines is one line" "it is the same: expected '', got '1c1 | < a | ---'" \
    "$(told_by "check_equal 'it is the same' '' '1c1
< a
---'")"

check_equal "of several suites those that failed are repeated at the end, without the ends of their output" \
    "FAILED fails_early NOT OK: the first one: expected 1, got 2 oracle: NOT OK: a reply (3 violations) FAILED asserts" \
    "$(BUILD=$suite_folder tests/run "$suite_folder"/{fails_early,passes,asserts}.sh | sed -n '/^what failed:$/,$p' \
        | sed -nE 's/^FAILED +([a-z_]+)\.sh .*/FAILED \1/p; s/^ +\|  *(NOT OK|oracle)/\1/p' | tr '\n' ' ' | sed 's/ $//')"
suite_end

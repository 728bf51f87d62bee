#!/usr/bin/env bash
# What tests/run makes of suites that pass, fail, skip, crash, say nothing, or take too long, in one lane and in two.
cd "$(dirname "$0")/.." || exit 1
. tests/lib/suite.sh

# suite NAME COMMAND: a suite that runs the command.
suite() {
    echo "$2" >"$suite_folder/$1.sh"
}

# outcome_of LANES NAME ...: the last line of tests/run, and its exit status.
outcome_of() {
    local lanes=$1 output status
    shift
    output=$(BUILD=$suite_folder SUITE_SECONDS=2 tests/run --lanes "$lanes" "${@/%/.sh}")
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
for case in "${cases[@]}"; do
    check_equal "a suite that ${case%%=*}" "${case#*=}" "$(outcome_of 1 "$suite_folder/${case%%=*}")"
done
for lanes in 1 2 3; do
    check_equal "all of them together, $lanes at a time" "13 passed, 7 failed, 2 skipped, 1" \
        "$(outcome_of "$lanes" "$suite_folder"/{passes,asserts,skips,fails,crashes,ends,counts_nothing,hangs})"
done
suite_end

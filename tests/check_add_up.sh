#!/usr/bin/env bash
# What tests/add-up makes of commands that pass, fail, skip, crash or say nothing, and that it ends them when it is ended.
. "$(dirname "$0")/lib/suite.sh" || exit 1

# sum COMMAND ...: the last line and the exit status.
sum() {
    local output status
    output=$(tests/add-up "$@" 2>/dev/null)
    status=$?
    echo "$(tail -n 1 <<<"$output"), $status"
}

suite_begin
passes='echo 3 passed, 0 failed' fails='sh -c "echo 1 passed, 2 failed; exit 1"' skips='echo 4 passed, 0 failed, 5 skipped'
check_equal "one that passes" "3 passed, 0 failed, 0" "$(sum "$passes")"
check_equal "passed, failed and skipped checks are added up" "8 passed, 2 failed, 5 skipped, 1" "$(sum "$passes" "$fails" "$skips")"
check_equal "one without counts fails" "3 passed, 1 failed, 1" "$(sum true "$passes")"
check_equal "one that ends with an error fails, whatever it counted" "6 passed, 1 failed, 1" \
    "$(sum "$passes" 'sh -c "echo 3 passed, 0 failed; exit 2"')"
check_equal "one that crashes fails" "3 passed, 1 failed, 1" "$(sum "$passes" 'sh -c "kill -SEGV \$\$"')"
check_equal "no checks at all are no failure of a part" "3 passed, 0 failed, 0" "$(sum 'echo 0 passed, 0 failed' "$passes")"
check_equal "of a command's counts the last count" "3 passed, 0 failed, 0" "$(sum 'printf "9 passed, 9 failed\n3 passed, 0 failed\n"')"
check_equal "only the sum has the form of counts" "7 passed, 0 failed, 5 skipped" \
    "$(tests/add-up "$passes" "$skips" | grep -E '^([a-z]+: )?[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$')"
check_equal "the counts of each are shown" "of $passes: 3 passed, 0 failed" "$(tests/add-up "$passes" | head -n 1)"

fails_by_name='sh -c "echo what failed:; echo FAILED here; echo 1 passed, 2 failed; exit 1"'
check_equal "what failed in one is repeated behind the others" "of $passes: 3 passed, 0 failed|what failed:|FAILED here|4 passed, 2 failed" \
    "$(tests/add-up "$fails_by_name" "$passes" | tail -n 4 | tr '\n' '|' | sed 's/|$//')"

tests/add-up "sleep 1000.$$" "sleep 1001.$$" >/dev/null 2>&1 &
adding=$!
sleeps() {
    runs_command sleep "1000.$$" || runs_command sleep "1001.$$"
}
check "a command runs" eventually sleeps
kill -TERM "$adding"
wait "$adding"
check_equal "the end of the whole is a failure" 1 $?
check "and the end of the command that runs" eval '! sleeps'
suite_end

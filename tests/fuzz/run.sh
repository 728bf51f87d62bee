#!/usr/bin/env bash
# Runs the fuzz targets, each on its seeds in tests/fuzz/corpus/ and on libFuzzer's mutations. One check each.
#
#   tests/fuzz/run.sh [NAME ...]     command, phone, ...; default: all
#
# Environment: FUZZ_SECONDS, how long each target runs. Without it a short run whose inputs are the same every time.
# An input that shows a fault is kept in build/fuzz/faults/; run build/fuzz/fuzz_NAME FILE to see it again.
. "$(dirname "$0")/../lib/suite.sh" || exit 1
suite_begin

[ $# -gt 0 ] || mapfile -t names < <(printf '%s\n' tests/fuzz/fuzz_*.c | sed 's/.*fuzz_\(.*\)\.c/\1/')
[ $# -eq 0 ] || names=("$@")
if ! command -v "${CLANG:-clang}" >/dev/null; then
    suite_skip "${#names[@]}" "fuzzing: clang is missing"
    suite_end
fi

faults=$BUILD/fuzz/faults
mkdir -p "$faults"
export UBSAN_OPTIONS=print_stacktrace=1

# The short run ends after a number of inputs, or sooner on a busy machine.
if [ -n "${FUZZ_SECONDS:-}" ]; then
    extent=(-max_total_time="$FUZZ_SECONDS")
else
    extent=(-max_total_time=2 -runs=10000 -seed=1)
fi

for name in "${names[@]}"; do
    mkdir "$suite_folder/$name"
    output=$suite_folder/$name.output
    options=("${extent[@]}" -max_len=16384 -timeout=60 -rss_limit_mb=4096 -print_final_stats=1)
    options+=(-artifact_prefix="$faults/$name-")
    [ ! -e "tests/fuzz/$name.dict" ] || options+=(-dict="tests/fuzz/$name.dict")
    if "$BUILD/fuzz/fuzz_$name" "${options[@]}" "$suite_folder/$name" "tests/fuzz/corpus/$name" >"$output" 2>&1; then
        suite_pass "$name, $(awk '/number_of_executed_units/ { print $2 }' "$output") inputs"
    else
        tail -n 60 "$output"
        suite_fail "$name"
    fi
done
suite_end

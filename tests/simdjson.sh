#!/usr/bin/env bash
# simdjson picks one of several implementations by the processor. The parser does the same with each that runs here, the
# portable one among them: simdjson's variable SIMDJSON_FORCE_IMPLEMENTATION chooses.
cd "$(dirname "$0")/.." || exit 1
. tests/lib/suite.sh

suite_begin
has() {
    local flag
    for flag in "$@"; do grep -qwm1 "$flag" /proc/cpuinfo || return 1; done
}
implementations=(fallback)
if [ "$(uname -m)" = x86_64 ]; then
    ! has sse4_2 pclmulqdq || implementations+=(westmere)
    ! has avx2 pclmulqdq bmi1 bmi2 || implementations+=(haswell)
fi

for implementation in "${implementations[@]}"; do
    SIMDJSON_FORCE_IMPLEMENTATION=$implementation "$BUILD/tests/unit/test_json" >"$suite_folder/output" 2>&1
    check_equal "the tests of the parser pass with simdjson's $implementation" 0 $?
    check "none of them is left out with $implementation" grep -qE '^100%: Checks: [0-9]{2,},' "$suite_folder/output"
done
# The variable has an effect: a name that does not exist leaves no parser.
SIMDJSON_FORCE_IMPLEMENTATION=none "$BUILD/tests/unit/test_json" >"$suite_folder/output" 2>&1
check "an implementation that does not exist makes no parser" grep -q "parser != NULL" "$suite_folder/output"
suite_end

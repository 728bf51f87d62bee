#!/usr/bin/env bash
# The status page in a headless Chromium: what it says, how it looks in narrow windows and in dark mode, its keyboard, and that
# texts of strangers stay texts. Its statuses are those of the test; tests/live/page.sh has those of a worker under load.
# The screenshots are in build/tests/output.
. "$(dirname "$0")/lib/suite.sh" || exit 1

suite_begin
output=$BUILD/tests/output
mkdir -p "$output"
if ! command -v chromium-headless-shell chromium >/dev/null; then
    suite_skip 94 "no chromium-headless-shell here"
    suite_end
fi
check_counts page python3 tests/page/page.py "$output"
suite_end

#!/usr/bin/env bash
# The demo on librdkafka's mock cluster: ten commands with their replies, and what other definitions would have decided.
. "$(dirname "$0")/lib/suite.sh" || exit 1

suite_begin
demo=$suite_folder/demo
timeout 300 "$BUILD/client-intake" demo >"$demo" 2>"$suite_folder/error"
check_equal "the demo ends with 0" 0 "$?"
count() {
    grep -cE -- "$1" "$demo"
}
check_equal "it shows ten commands" 10 "$(count '^([0-9]|10) of 10: .')"
check_equal "it shows four replies with a client" 4 "$(count '^  "type": "client\.created"')"
check_equal "it shows six rejections" 6 "$(count '^  "type": "client\.rejected"')"
check_equal "it shows a duplicate" 1 "$(count '^reply +\(with the header duplicate: true\)')"

# The last act.
check "other definitions decide the commands again" \
    grep -qxF "client-intake replay --definitions acme=config/demo/definitions-changed.json --diff" "$demo"
check_equal "the classes are counted" "same 4, value_changed 0, now_rejected 4, now_valid 0, errors_changed 2, unknown 0" \
    "$(awk '/^class / { inside = 1; next } /^$/ { inside = 0 } inside { printf "%s%s %d", comma, $1, $2; comma = ", " }' "$demo")"
check_equal "each command that is not the same has an entry" "$(
    cat <<'END'
clients.commands/0/0  now_rejected  created -> validation_failed
    workspace acme, command import-7/001
    /customFields/services/1  - -> "option_unknown"
clients.commands/0/1  now_rejected  created -> validation_failed
    workspace acme, command import-7/002
    /customFields/pronouns  - -> "required"
clients.commands/0/2  now_rejected  created -> validation_failed
    workspace acme, command import-7/003
    /customFields/pronouns  - -> "required"
clients.commands/0/3  now_rejected  duplicate -> validation_failed
    workspace acme, command import-7/001
    /customFields/services/1  - -> "option_unknown"
clients.commands/0/5  errors_changed  email_taken -> validation_failed
    workspace acme, command import-7/004
    /customFields/pronouns  - -> "required"
clients.commands/0/6  errors_changed  validation_failed -> validation_failed
    workspace acme, command import-7/005
    /customFields/pronouns  - -> "required"
END
)" "$(sed -n '/^clients\.commands\/0\/0  /,/^$/p' "$demo" | sed '$d')"
check_equal "the exit code comes last" "Exit code 1: some outcomes are not the same." "$(tail -n 1 "$demo")"

# README.md shows a part: its lines come in this order, and "..." stands for what it leaves out.
awk '/^### make demo/ { inside = 1 } inside && /^```/ { if (++fences == 2) exit; next } fences == 1' README.md >"$suite_folder/readme"
check "README.md shows the demo" [ "$(wc -l <"$suite_folder/readme")" -ge 20 ]
check_equal "every line that README.md shows is in the output, in this order" "" "$(awk '
    NR == FNR { output[++count] = $0; next }
    /^ *\.\.\.$/ { next }
    { for (at++; at <= count && output[at] != $0; at++); if (at > count) { print; exit } }' "$demo" "$suite_folder/readme")"

# A folder of a user's own may have no such file.
mkdir "$suite_folder/own"
cp config/demo/definitions.json config/demo/commands.txt "$suite_folder/own"
timeout 300 "$BUILD/client-intake" demo -d "$suite_folder/own" >"$demo" 2>"$suite_folder/error"
check_equal "without changed definitions the demo ends with 0, too" 0 "$?"
check_equal "after the replies" "10 commands, 10 replies." "$(tail -n 1 "$demo")"
[ "$suite_failed" -eq 0 ] || cat "$suite_folder/error"
suite_end

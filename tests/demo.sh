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

# --stay. Each demo is the leader of its session, and Control-C goes to its whole process group, as on a terminal.
children() { # of the demo
    cat "/proc/$stay/task/$stay/children"
}
folders() { # of the demos
    find "$suite_folder/tmp" -mindepth 1 -maxdepth 1
}
folders_exist() {
    [ -n "$(folders)" ]
}
has_stopped() {
    ! suite_is_child "$stay" || grep -q '^State:[[:space:]]*Z' "/proc/$stay/status"
}
demo_stay() { # ARGUMENT ...
    mkdir -p "$suite_folder/tmp"
    : >"$demo" # an earlier demo's lines are not taken for those of this one
    TMPDIR=$suite_folder/tmp setsid "$BUILD/client-intake" demo --stay "$@" >"$demo" 2>"$suite_folder/error" &
    stay=$!
    eventually grep -q '^stop ' "$demo"
    redis=$(children)
}
# ends WHAT SIGNAL PROCESS: the demo ends and leaves nothing.
ends() {
    kill "-$2" -- "$3"
    check "$1: it ends within ten seconds" until_true 10 has_stopped
    wait "$stay"
    check_equal "$1: with 0" 0 "$?"
    check_equal "$1: Redis has ended, too" gone "$([ -d "/proc/$redis" ] && echo runs || echo gone)"
    check_equal "$1: no folder is left" "" "$(folders)"
    check_equal "$1: nobody listens on the page's address" closed \
        "$( (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && echo open || echo closed)"
}

port=$(free_port)
demo_stay --set "http.listen=127.0.0.1:$port"
check "with --stay the address of the page is printed" grep -qxF "page   http://127.0.0.1:$port/" "$demo"
check "the page is there" grep -qF '<title>' <(curl -s "http://127.0.0.1:$port/")
check_equal "it knows the ten commands" 10 \
    "$(curl -s "http://127.0.0.1:$port/status.json" | jq '.totals | add')"
sed -n '/^send /,/^stop /p' "$demo" | sed '$d; s/^send//' >"$suite_folder/send"
check_equal "the command line that is printed creates a client" client.created \
    "$(timeout 60 sh "$suite_folder/send" 2>"$suite_folder/send.log" | jq -r .type)"
check_equal "and another time the email is taken" email_taken \
    "$(timeout 60 sh "$suite_folder/send" 2>"$suite_folder/send.log" | jq -r .error.code)"
check_equal "they log nothing" "" "$(grep level= "$suite_folder/send.log")"
check_equal "the page counts them" 12 "$(curl -s "http://127.0.0.1:$port/status.json" | jq '.totals | add')"
ends "Control-C" INT "-$stay"
check_equal "nothing but the demo's commands was logged" "" "$(grep level= "$suite_folder/error")"

demo_stay --set "http.listen=127.0.0.1:$port"
ends "the terminal is closed" HUP "$stay"

demo_stay --set "http.listen=127.0.0.1:$port"
timeout 60 "$BUILD/client-intake" demo --stay --set "http.listen=127.0.0.1:$port" >"$suite_folder/second" 2>"$suite_folder/second.err"
check_equal "a second one finds the address taken: 69" 69 "$?"
check "and says which one, and what to do" grep -q 'http\.listen=127\.0\.0\.1:0' "$suite_folder/second.err"
ends "TERM" TERM "$stay"

# A signal before the replies are there.
TMPDIR=$suite_folder/tmp "$BUILD/client-intake" demo >"$demo" 2>"$suite_folder/error" &
stay=$!
eventually folders_exist
redis=$(children)
kill -INT "$stay"
check "a signal in the middle: it ends within ten seconds" until_true 10 has_stopped
wait "$stay"
check_equal "a signal in the middle: with 2" 2 "$?"
check_equal "a signal in the middle: no folder is left" "" "$(folders)"
suite_end

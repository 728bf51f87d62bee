#!/usr/bin/env bash
# Each file that the program is told to read, in each state that stops it: one line on standard error names the file and
# says why, and the exit code is that of the table in docs/operations.md. No server is there: a file comes first.
. "$(dirname "$0")/lib/suite.sh" || exit 1
suite_begin

nowhere=127.0.0.1:1
echo '[]' >"$suite_folder/definitions.json"
echo '[{"key":"a","name":"A","type":"multiSelect"}]' >"$suite_folder/fields.json"
: >"$suite_folder/no-commands"

# Rows: the exit code, a word for the row, and the arguments, in which @ is the file.
arguments=(
    "69 validate-definitions validate --definitions @"
    "69 validate validate --definitions $suite_folder/definitions.json @"
    "69 send send @"
    "69 send-no-wait send --no-wait --output json @"
    "69 put definitions put acme @"
    "69 put-options definitions put acme $suite_folder/fields.json --options a=@"
    "69 lint definitions lint @"
    "69 lint-json definitions lint --output json @"
    "69 lint-options definitions lint $suite_folder/fields.json --options a=@"
    "69 replay replay --definitions acme=@"
    "69 replay-apply replay --apply --name again --replies other --definitions acme=@"
    "69 retry dead-letters retry 0/0 --value @"
    "69 retry-apply dead-letters retry 0/0 --apply --value @"
    "69 demo demo -d @"
    "78 config check --offline --config @"
    "78 config-run run --config @"
    "78 reference check --offline --set redis.password=\${file:@}"
)

# fails CODE WHAT FILE REASON ARGUMENT ...: the program ends with the code, and prints one line, which has both.
fails() {
    local what=$2 words=("${@:5}")
    timeout 60 "$BUILD/client-intake" "${words[@]//@/$3}" --set kafka.bootstrap.servers=$nowhere --set "redis.address=unix:$suite_folder/none" \
        </dev/null >"$suite_folder/output" 2>"$suite_folder/error"
    check_equal "$what: the exit code" "$1" $?
    check_equal "$what: one line says what is wrong" 1 "$(wc -l <"$suite_folder/error")"
    check "$what: it names the file" grep -qF -- "$3" "$suite_folder/error"
    check "$what: and the reason" grep -qF -- "$4" "$suite_folder/error"
    check_equal "$what: nothing is on standard output" 0 "$(wc -c <"$suite_folder/output")"
}

# The files, each with the reason. A page of /proc/self/mem that is not mapped cannot be read, by any user.
mkdir "$suite_folder/directory"
ln -s loop "$suite_folder/loop"
files=(
    "missing=$suite_folder/missing=No such file or directory"
    "a directory=$suite_folder/directory=Is a directory"
    "below a file=$suite_folder/definitions.json/x=Not a directory"
    "a loop of links=$suite_folder/loop=Too many levels of symbolic links"
    "unreadable=/proc/self/mem=Input/output error"
)
for row in "${arguments[@]}"; do
    read -ra words <<<"$row"
    for file in "${files[@]}"; do
        IFS='=' read -r state path reason <<<"$file"
        case ${words[1]}:$state in
            demo:"a directory") reason="No such file or directory" ;; # it is a folder, and lacks its files
            demo:unreadable | demo:"below a file") reason="Not a directory" ;;
        esac
        fails "${words[0]}" "${words[1]}, $state" "$path" "$reason" "${words[@]:2}"
    done
done

# ---- what may be read like a file ----

line='{"commandId":"c-1","workspaceId":"acme","givenName":"Ada","familyName":"Lovelace","email":"ada@example.com"}'

# through_pipe TEXT COMMAND ARGUMENT ...: gives the text through a FIFO, @ in the arguments. Sets code.
through_pipe() {
    local words=("${@:2}")
    rm -f "$suite_folder/pipe"
    mkfifo "$suite_folder/pipe"
    printf '%s\n' "$1" >"$suite_folder/pipe" &
    timeout 60 "$BUILD/client-intake" "${words[@]//@/$suite_folder/pipe}" >"$suite_folder/output" 2>"$suite_folder/error"
    code=$?
}
through_pipe "$line" validate --definitions "$suite_folder/definitions.json" @
check_equal "validate reads a FIFO" "0 1" "$code $(grep -c client.created "$suite_folder/output")"
through_pipe '[]' validate --definitions @ "$suite_folder/no-commands"
check_equal "validate reads its definitions from a FIFO" 0 "$code"
through_pipe '[]' definitions lint @
check_equal "definitions lint reads a FIFO" 0 "$code"
through_pipe $'[log]\nlevel = loud' check --offline --config @
check_equal "a config is read from a FIFO" "78 1" "$code $(grep -c "^$suite_folder/pipe:2: " "$suite_folder/error")"
through_pipe secret check --offline --set 'redis.password=${file:@}'
check_equal "and so is a secret" 0 "$code"

# ---- where the output goes ----

# full WHAT ARGUMENT ...: standard output is full.
full() {
    timeout 60 "$BUILD/client-intake" "${@:2}" >/dev/full 2>"$suite_folder/error"
    check_equal "$1, standard output is full: the exit code" 69 $?
    check_equal "$1: one line says so" 1 "$(grep -c '^client-intake[ a-z-]*: standard output: No space left on device$' "$suite_folder/error")"
    check_equal "$1: and nothing else is said" 1 "$(wc -l <"$suite_folder/error")"
}
for ((i = 0; i < 20000; i++)); do echo "$line"; done >"$suite_folder/many"
echo "$line" >"$suite_folder/one"
full "--help" --help
full "--version" --version
full "send --help" send --help
full "validate, one command" validate --definitions "$suite_folder/definitions.json" "$suite_folder/one"
full "validate, many commands" validate --definitions "$suite_folder/definitions.json" "$suite_folder/many"
full "definitions lint" definitions lint "$suite_folder/definitions.json"
full "definitions lint --output json" definitions lint --output json "$suite_folder/definitions.json"
full "check --offline" check --offline
full "check --offline --output json" check --offline --output json
suite_end

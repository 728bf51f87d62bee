# suite: what shell suites share. Source it by its path: the top of the repository becomes the working directory. Call
# suite_begin, check things, and end with suite_end, which prints "N passed, N failed" (and "N skipped") as tests/run wants
# it.
#
# Every process that a suite has started, and every one that those have, is ended when the suite ends, however it ends.
# $suite_folder is a fresh temporary folder that goes then, too.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/lib/port.sh
. tests/lib/port.sh

suite_passed=0 suite_failed=0 suite_skipped=0
suite_process=$BASHPID # of the shell that runs the suite
suite_output=1 # where failures are told, also when a function that is tried again and again meets one

suite_begin() {
    BUILD=${BUILD:-build}
    suite_process=$BASHPID
    exec {suite_output}>&1
    suite_folder=$(mktemp -d "${TMPDIR:-/tmp}/client-intake-test.XXXXXX")
    trap suite_clean EXIT
    trap 'exit 1' INT TERM HUP
    # As tests/lib/quick_client.h.
    if kcat -X list 2>/dev/null | grep -q '^enable\.metrics\.push '; then
        echo enable.metrics.push=false >"$suite_folder/quick.conf"
        export KCAT_CONFIG=$suite_folder/quick.conf
    fi
}

# FAULTS=all asks for every fault, and every suite with a long form at its full length, as `make test-faults` does; without
# it a suite makes its choice for `make test`.
faults_all() {
    [ "${FAULTS:-}" = all ]
}

# faults_choose SHORT ALL: prints the one that this run asks for.
faults_choose() {
    if faults_all; then echo "$2"; else echo "$1"; fi
}

# The number of a child that ended long ago may belong to somebody else by now.
suite_is_child() {
    [ "$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null)" = "$suite_process" ]
}

# Sets suite_below: the processes that descend from the suite, parents before their children. It starts none itself. One
# whose parent has ended is not found: a caller that kills a process that has children ends those first.
suite_find_below() {
    local file stat pid parent next
    local -A children=()
    for file in /proc/[0-9]*/stat; do
        { read -r stat <"$file"; } 2>/dev/null || continue
        pid=${stat%% *}
        # The name, in parentheses, may have any of them in it.
        read -r _ parent _ <<<"${stat##*) }"
        children[$parent]+=" $pid"
    done
    suite_below=("$suite_process")
    for ((next = 0; next < ${#suite_below[@]}; next++)); do
        # shellcheck disable=SC2206 # one word per child
        suite_below+=(${children[${suite_below[next]}]:-})
    done
    suite_below=("${suite_below[@]:1}")
}

# They are stopped first, so that none starts another one meanwhile.
suite_end_below() {
    local pid stopped= killed=()
    suite_find_below
    while [ "${suite_below[*]}" != "$stopped" ]; do
        stopped=${suite_below[*]}
        for pid in "${suite_below[@]}"; do kill -STOP "$pid" 2>/dev/null; done
        suite_find_below
    done
    for pid in "${suite_below[@]}"; do
        ! kill -KILL "$pid" 2>/dev/null || killed+=("$pid")
    done
    for pid in ${killed[@]+"${killed[@]}"}; do wait "$pid" 2>/dev/null; done
}

# A suite may define suite_clean_more for what does not descend from it.
suite_clean() {
    trap '' INT TERM HUP
    suite_end_below
    if declare -F suite_clean_more >/dev/null; then suite_clean_more; fi
    if [ -n "${KEEP:-}" ]; then
        echo "kept: $suite_folder"
    else
        rm -rf "$suite_folder"
    fi
}

suite_pass() {
    suite_passed=$((suite_passed + 1))
    echo "ok: $1"
}

# suite_fail WHAT [DETAIL]: one line, so that tests/run shows all of it. What the command before wrote to standard error
# is a part of it.
suite_fail() {
    local detail=${2//$'\n'/ | } said
    suite_failed=$((suite_failed + 1))
    said=$(suite_last_error)
    [ "${#detail}" -le "$suite_detail_most" ] || detail=${detail:0:$suite_detail_most}...
    echo "NOT OK: $1${detail:+: $detail}${said:+ [$said]}" >&"$suite_output"
}
suite_detail_most=500

# suite_last_error: the end of the file of error output that was written last: a suite redirects standard error to
# a file of its folder that is called error, log or put, or *-error, *.err, *.log, kcat*. Logs of workers do not count.
suite_last_error() {
    local newest
    newest=$(suite_error_files | sort -rn | head -n 1 | cut -d' ' -f 2-)
    if [ -n "$newest" ] && [ -s "$newest" ]; then
        echo "${newest##*/}: $(tail -n 3 "$newest" | tail -c 350 | tr -d '\000' | tr '\n' '|')"
    fi
}

suite_error_files() {
    local file log
    find "$suite_folder" -maxdepth 2 -type f \( -name error -o -name log -o -name put -o -name '*-error' -o -name '*.err' \
        -o -name '*.log' -o -name 'kcat*' \) ! -path "$suite_folder/kafka/*" -printf '%T@ %p\n' 2>/dev/null \
        | while read -r file; do
            for log in ${worker_logs[@]+"${worker_logs[@]}"}; do
                [ "${file#* }" != "$log" ] || continue 2
            done
            echo "$file"
        done
}

# suite_skip COUNT REASON: so many checks could not be made here. Where REQUIRE_KAFKA is set they fail, and where
# REQUIRE_ALL is set those fail, too, that a suite skips for another reason than Kafka.
suite_skip() {
    if [ -n "${REQUIRE_KAFKA:-}${REQUIRE_ALL:-}" ]; then
        suite_fail "$2"
    else
        suite_skipped=$((suite_skipped + $1))
        echo "SKIPPED: $2"
    fi
}

# check WHAT COMMAND [ARGUMENT ...]: passes if the command succeeds.
check() {
    local what=$1
    shift
    if "$@"; then suite_pass "$what"; else suite_fail "$what" "\`$*\` gave $?"; fi
}

# check_equal WHAT EXPECTED ACTUAL
check_equal() {
    if [ "$2" = "$3" ]; then suite_pass "$1"; else suite_fail "$1" "expected '$2', got '$3'"; fi
}

# check_counts WHAT COMMAND [ARGUMENT ...]: runs a program that makes checks itself and ends with "N passed, N failed".
check_counts() {
    local what=$1 output passed failed
    shift
    output=$("$@" 2>&1)
    echo "$output" | sed "s/^/  $what: /"
    if read -r passed _ failed _ < <(echo "$output" | grep -E '^[0-9]+ passed, [0-9]+ failed$'); then
        suite_passed=$((suite_passed + passed))
        suite_failed=$((suite_failed + failed))
    else
        suite_fail "$what" "it did not end with its counts"
    fi
}

# check_replies FILE: these replies, one a line, agree with the JSON Schemas of docs/schemas. See PER_SHAPE of schemas.py.
check_replies() {
    local said
    if said=$(/usr/bin/python3 tests/lib/schemas.py replies "$1" 2>&1); then
        suite_pass "the replies agree with docs/schemas ($said)"
    elif [[ $said == *"No module named 'jsonschema'"* ]]; then
        REQUIRE_KAFKA= suite_skip 1 "no python3-jsonschema: the replies are not compared with docs/schemas"
    else
        suite_fail "the replies agree with docs/schemas" "$said"
    fi
}

# ---- waiting ----

# Limits are seconds of a machine that can run whatever wants to run. While more threads want to run than it has cores,
# only their part of the time counts, so that a limit measures the program and not the other load of the machine. Where
# nothing is overloaded they are seconds; at least a quarter of the time counts, so that a wait ends, and tells
# what is missing, before its suite is ended.
suite_least_share=250 # in thousandths
suite_stat=/proc/stat
suite_cores=$(nproc)

# Sets suite_share: how much of a second counts now, in thousandths. The thread that reads is one of those that run.
suite_take_share() {
    local name value running=1
    while read -r name value _; do
        [ "$name" != procs_running ] || running=$((value - 1))
    done <"$suite_stat"
    suite_share=1000
    [ "$running" -le "$suite_cores" ] || suite_share=$((1000 * suite_cores / running))
    [ "$suite_share" -ge "$suite_least_share" ] || suite_share=$suite_least_share
}

# suite_clock_begin, suite_clock_passed: how many milliseconds count since the first; the second is to be called often.
suite_clock_begin() {
    suite_clock_us=0 suite_clock_last=${EPOCHREALTIME/[.,]/}
}

suite_clock_passed() {
    local now=${EPOCHREALTIME/[.,]/}
    suite_take_share
    suite_clock_us=$((suite_clock_us + (now - suite_clock_last) * suite_share / 1000))
    suite_clock_last=$now
    suite_clock_ms=$((suite_clock_us / 1000))
}

# until_true SECONDS COMMAND [ARGUMENT ...]: tries a command until it succeeds; 1 if it did not within that time, which is
# what the test claims. `suite_clock_ms` is the time that counted. Between two tries is a tenth of the time so far, from a
# tenth of a second to half of one: a try may cost ten processes, and other suites run meanwhile.
until_true() {
    local limit_ms=$(($1 * 1000)) suite_clock_us suite_clock_last pause_ms
    shift
    suite_clock_begin
    until "$@" >/dev/null 2>&1; do
        suite_clock_passed
        [ "$suite_clock_ms" -lt "$limit_ms" ] || return 1
        pause_ms=$((suite_clock_us / 10000))
        pause_ms=$((pause_ms < 100 ? 100 : pause_ms > 500 ? 500 : pause_ms))
        sleep "0.$pause_ms"
    done
    suite_clock_passed
}

# runs_command WORD ...: whether a process with exactly this command line runs.
runs_command() {
    local file words
    for file in /proc/[0-9]*/cmdline; do
        words=()
        mapfile -d '' -t words 2>/dev/null <"$file" || continue
        [ "${words[*]}" != "$*" ] || return 0
    done
    return 1
}

# eventually COMMAND [ARGUMENT ...]: the same where no time is claimed: the limit only ends a test that has failed.
suite_patience=60
eventually() {
    until_true "$suite_patience" "$@"
}

suite_end() {
    local skipped_part=
    [ "$suite_skipped" -eq 0 ] || skipped_part=", $suite_skipped skipped"
    echo "$suite_passed passed, $suite_failed failed$skipped_part"
    [ "$suite_failed" -eq 0 ]
    exit
}

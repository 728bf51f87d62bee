#!/usr/bin/env bash
# What a suite leaves: none of the processes that it started, in whatever way it ends, and none of theirs.
# shellcheck disable=SC2016 # the commands of suites
. "$(dirname "$0")/lib/suite.sh" || exit 1

suite_begin
export BUILD=$suite_folder/build LEFT=$suite_folder/left
mkdir -p "$BUILD/tests/live" "$LEFT"

# A process of a suite: it says which one it is, and lives for longer than this suite. The second oracle ends at once, as
# the one that prints what is missing.
cat >"$BUILD/tests/live/oracle" <<'END'
#!/usr/bin/env bash
[ "$1" = own ] || [ -z "$(ls "$LEFT")" ] || exit 1
echo "$$" >"$LEFT/$$"
exec sleep 600
END
chmod +x "$BUILD/tests/live/oracle"

# suite NAME COMMANDS: a suite of the flow tests that does so before it would connect to anything.
suite() {
    printf '. tests/lib/live.sh || exit 1\nsuite_begin\noracle_options=()\n%s\nsuite_end\n' "$2" >"$suite_folder/$1.sh"
}

started() {
    [ -n "$(ls "$LEFT")" ]
}

# Those of them that still run.
left() {
    local pid
    cat "$LEFT"/* | while read -r pid; do
        grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$pid/status" 2>/dev/null && echo "$pid"
    done
}

none_is_left() {
    [ -z "$(left)" ]
}

# ends WHAT NAME [SIGNAL]: this suite starts a process, and leaves none. With a signal it gets that meanwhile.
ends() {
    local pid
    rm -f "$LEFT"/*
    bash "$suite_folder/$2.sh" >"$suite_folder/$2.out" 2>&1 &
    pid=$!
    eventually started || suite_fail "$1: its process starts" "$(tail -n 3 "$suite_folder/$2.out")"
    [ -z "${3:-}" ] || kill "-$3" "$pid"
    check "$1: it ends" until_true 10 suite_has_ended "$pid"
    wait "$pid" 2>/dev/null
    check "$1: and leaves nothing" until_true 2 none_is_left
    # shellcheck disable=SC2046 # one word per process
    kill -KILL $(left) 2>/dev/null
}

suite_has_ended() {
    grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null || ! suite_is_child "$1"
}

own='"$BUILD/tests/live/oracle" own'
function="begin() { $own; echo; }; begin &"
until_it_runs='until [ -n "$(ls "$LEFT")" ]; do sleep 0.1; done'
suite child "$own & $until_it_runs"
suite function "$function $until_it_runs"
suite early "$function $until_it_runs; exit 3"
suite frozen "$function $until_it_runs; kill -STOP \$! \$(cat \"\$LEFT\"/*)"
suite pipeline "$own | cat & $until_it_runs"
suite awaits 'oracle await 60'
suite awaits_in_vain 'oracle await 1'

ends "a child in the background" child
ends "a child of a function in the background" function
ends "a suite that ends early" early
ends "a frozen function and its child" frozen
ends "a pipeline in the background" pipeline
ends "a suite that gets SIGTERM while it awaits the oracle" awaits TERM
ends "a suite whose oracle does not come to its end in time" awaits_in_vain
suite_end

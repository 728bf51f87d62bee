#!/usr/bin/env bash
# What tools say of the source: clang-format, clang-tidy, cppcheck and shellcheck. `make lint` runs it, and so does CI.
# What a tool does not judge is in .clang-format, .clang-tidy, .shellcheckrc and tests/lint/cppcheck.xml, with reasons.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/suite.sh

suite_begin
mapfile -t code < <(git ls-files '*.c' '*.h' '*.cc')
# Only one of these two is built.
export BUILD TLS=0 unused=redis_tls
[ ! -e /usr/include/hiredis/hiredis_ssl.h ] || TLS=1 unused=redis_tls_none
mapfile -t checked < <(git ls-files 'common/*.c' 'worker/*.c' | grep -vx "worker/redis/$unused.c")
mapfile -t scripts < <(git ls-files -z | xargs -0 grep -lE '^#!.*(bash|/bin/sh)$' -- | grep -vE '\.(c|h|md)$')
jobs=$(nproc)

# has TOOL COUNT: whether it is there; otherwise so many checks are skipped.
has() {
    command -v "$1" >/dev/null && return
    suite_skip "$2" "$1 is not installed"
    return 1
}

# said_of TOOL: the first lines of what it said, without colours.
said_of() {
    head -n 40 "$suite_folder/$1"
}

check "there is code to look at" [ ${#code[@]} -gt 400 ]
check "there are scripts to look at" [ ${#scripts[@]} -gt 90 ]

# Versions format differently. Debian 12 has 14.
if has clang-format 1; then
    if [[ $(clang-format --version) == *" version 14."* ]]; then
        printf '%s\0' "${code[@]}" | xargs -0 clang-format --dry-run -Werror 2>"$suite_folder/format"
        check_equal "the source is formatted as \`make format\` does it" "" "$(said_of format)"
    else
        suite_skip 1 "clang-format is not version 14"
    fi
fi

if has clang-tidy 1; then
    printf '%s\0' "${checked[@]}" | xargs -0 -n 4 -P "$jobs" sh -c 'clang-tidy --quiet "$@" -- -std=c11 -I. "-I$BUILD" \
        -D_GNU_SOURCE -DCLIENT_INTAKE_VERSION=\"0\" "-DCLIENT_INTAKE_REDIS_TLS=$TLS" 2>/dev/null' tidy >"$suite_folder/tidy"
    check_equal "clang-tidy finds nothing" "" "$(said_of tidy)"
fi

if has cppcheck 1; then
    cppcheck --std=c11 --enable=warning,performance,portability --inline-suppr --library=tests/lint/cppcheck.xml -j "$jobs" \
        -I. "-I$BUILD" --suppress=missingIncludeSystem --quiet --template='{file}:{line}: {severity}: {message} [{id}]' \
        common worker tests/bench tests/faults tests/live tests/phone 2>"$suite_folder/cppcheck"
    check_equal "cppcheck finds nothing" "" "$(said_of cppcheck)"
fi

if has shellcheck 1; then
    printf '%s\0' "${scripts[@]}" | xargs -0 -n 10 -P "$jobs" shellcheck -f gcc >"$suite_folder/shellcheck"
    check_equal "shellcheck finds nothing" "" "$(said_of shellcheck)"
fi

suite_end

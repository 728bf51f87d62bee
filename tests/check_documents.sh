#!/usr/bin/env bash
# That the documents say what the program does: its error codes, its commands, its topics, its version. That the image has
# the libraries that the program is linked with.
# (test_config compares config/client-intake.ini with the tables of keys, in both directions.)
#
#   tests/check_documents.sh            checks
#   tests/check_documents.sh --errors   prints the table of errors as docs/rules.md has it
#
# It needs the program in BUILD (build).
cd "$(dirname "$0")/.." || exit 1
. tests/lib/suite.sh

# A line "SCOPE code retryable when" for each row of worker/model/error.h.
error_rows() {
    printf '%s\n' '#include "worker/model/error.h"' \
        '#define ROW(name, code, scope, retryable, dead_letter, when) $ scope code retryable when' 'ERROR_TABLE(ROW)' \
        | "${CC:-cc}" -E -P -I. - | tr -d '\n' | tr '$' '\n' | grep -oE '(COMMAND|VALUE) "[a-z_]+" .*' \
        | sed -E 's/^([A-Z]+) "([a-z_]+)" ([a-z0-9]+) "(.*)" *$/\1 \2 \3 \4/; s/" +"//g'
}

# The rows as docs/rules.md has them: | `code` | when | yes |
error_table() {
    error_rows | while read -r _ code retryable when; do
        case $retryable in true | 1) retryable=yes ;; *) retryable=no ;; esac
        echo "| \`$code\` | $when | $retryable |"
    done
}

if [ "${1:-}" = --errors ]; then
    printf '| code | when | retryable |\n|---|---|---|\n'
    error_table
    exit
fi
suite_begin
program=$BUILD/client-intake

# The entries of the enum of a schema in docs/asyncapi.yaml.
schema_enum() {
    awk -v schema="    $1:" '$0 == schema { inside = 1; next } inside && /^    [^ ]/ { exit } inside && /^ +- / { print $2 }' \
        docs/asyncapi.yaml
}
codes() {
    error_rows | awk -v scope="$1" '$1 == scope { print $2 }'
}
check "worker/model/error.h has codes of both kinds" [ "$(codes COMMAND | wc -l)" -ge 7 -a "$(codes VALUE | wc -l)" -ge 20 ]
check_equal "asyncapi.yaml has the codes of commands" "$(codes COMMAND)" "$(schema_enum commandErrorCode)"
check_equal "asyncapi.yaml has the codes of values" "$(codes VALUE)" "$(schema_enum valueErrorCode)"

version=$("$program" --version | awk 'NR == 1 { print $2 }')
check_equal "asyncapi.yaml has the program's version" "$version" "$(awk '$1 == "version:" { print $2; exit }' docs/asyncapi.yaml)"
for section in commands replies records definitions dead_letters; do
    topic=$(awk -v section="[$section]" '/^\[/ { inside = $0 == section } inside && $1 == "topic" { print $3 }' \
        config/client-intake.ini)
    check "asyncapi.yaml has the topic of $section" grep -qxF "    address: $topic" docs/asyncapi.yaml
done

commands=$("$program" --help | awk '/^Commands:/ { inside = 1; next } /^$/ { inside = 0 } inside { print $1 }')
check "the program has commands" [ "$(wc -l <<<"$commands")" -ge 6 ]
for command in $commands; do
    check "the manual has $command" grep -qE "^\.It Cm $command( |$)" docs/client-intake.1
done
check_equal "the manual has no other command" "" \
    "$(sed -nE 's/^\.It Cm ([a-z-]+).*/\1/p' docs/client-intake.1 | sort -u | grep -vxF "$commands")"

check_equal "rules.md has the table of errors" "$(error_table)" "$(grep -E '^\| `[a-z_]+` \| .* \| (yes|no) \|$' docs/rules.md)"
for command in $commands; do
    check "operations.md has $command" grep -qE "^\| \`client-intake $command\b" docs/operations.md
done

# ---- the Dockerfile; on the Debian of which it makes an image ----

image_release=$(sed -nE 's/^FROM debian:([0-9]+)-slim( .*)?$/\1/p' Dockerfile | sort -u)
check_equal "the Dockerfile builds on the Debian that it runs on" 1 "$(wc -l <<<"$image_release")"
check "docker takes nothing along that this machine has built" grep -qx "build/" .dockerignore

# The packages of the libraries that the program names, but for those that every Debian has.
library_packages() {
    local library
    readelf --dynamic "$program" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p' | while read -r library; do
        dpkg-query --search "$(readlink -f "$(ldd "$program" | awk -v library="$library" '$1 == library { print $3 }')")"
    done | cut -d: -f1 | sort -u | grep -vxE 'libc6|libgcc-s1|libstdc\+\+6'
}
# Those that the last stage of the Dockerfile installs.
image_packages() {
    sed -n '/^FROM/h;/^FROM/!H;${x;p}' Dockerfile | sed -n '/apt-get install/,/&& rm/p' | grep -oE '\blib[a-z0-9.+-]+' | sort
}
if [ "$(. /etc/os-release && echo "${ID:-}${VERSION_ID:-}")" = "debian$image_release" ]; then
    check_equal "the Dockerfile installs the program's libraries and no others" "$(library_packages)" "$(image_packages)"
else
    suite_skip 1 "the image is one of Debian $image_release: its libraries are compared only there"
fi
suite_end

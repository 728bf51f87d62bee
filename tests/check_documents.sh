#!/usr/bin/env bash
# That the documents say what the program does: its error codes, metrics, commands, topics, rooms and version. That their links
# lead somewhere. That the image has the libraries that the program is linked with.
# (test_config compares config/client-intake.ini with the tables of keys, in both directions.)
#
#   tests/check_documents.sh            checks
#   tests/check_documents.sh --errors   prints the table of errors as docs/rules.md has it
#
# It needs the program in BUILD (build).
. "$(dirname "$0")/lib/suite.sh" || exit 1

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

# The entries of the enum of a schema in docs/schemas/rejected.json.
schema_enum() {
    jq -r --arg name "$1" '."$defs"[$name].enum[]' docs/schemas/rejected.json
}
codes() {
    error_rows | awk -v scope="$1" '$1 == scope { print $2 }'
}
check "worker/model/error.h has codes of both kinds" [ "$(codes COMMAND | wc -l)" -ge 7 -a "$(codes VALUE | wc -l)" -ge 20 ]
check_equal "rejected.json has the codes of commands" "$(codes COMMAND)" "$(schema_enum commandErrorCode)"
check_equal "rejected.json has the codes of values" "$(codes VALUE)" "$(schema_enum valueErrorCode)"

check_equal "definitions.json has the types of fields" "$(sed -nE 's/^    \{"([a-zA-Z]+)", field_.*/\1/p' worker/validate/field.c)" \
    "$(jq -r '."$defs".field.properties.type.enum[]' docs/schemas/definitions.json)"

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

# The actions of a command, which the program tells in its help and when there is none.
check_actions() {
    local command=$1 least=$2 action actions help usage
    actions=$(sed -nE "s/^    \{\"([a-z]+)\", ${command//-/_}_.*/\1/p" "worker/commands/command_${command//-/_}.c")
    check "the program has actions of $command" [ "$(wc -l <<<"$actions")" -ge "$least" ]
    help=$("$program" "$command" --help)
    usage=$("$program" "$command" 2>&1)
    for action in $actions; do
        check "the help has $command $action" grep -qE "^  $action +[a-z]" <<<"$help"
        check "the first lines of the help have $command $action" grep -qE "\b$action\b" <(sed '/^$/q' <<<"$help")
        check "$command without an action tells $action" grep -qE "expected .*\b$action\b" <<<"$usage"
        check "the manual has $command $action" grep -qE "^\.It Cm $command $action( |$)" docs/client-intake.1
        check "operations.md has $command $action" grep -qE "^\| \`client-intake $command $action\b" docs/operations.md
    done
}
check_actions definitions 6
check_actions dead-letters 3

# The options of `replay`, from the table that getopt gets.
options=$(sed -nE 's/.*\{"([a-z-]+)", (no|required)_argument, NULL, .*/\1/p' worker/commands/replay_options.c)
check "replay has options" [ "$(wc -l <<<"$options")" -ge 15 ]
help=$("$program" replay --help)
for option in $options; do
    check "the help has replay --$option" grep -qE -- "--$option\b" <<<"$help"
    check "the manual has replay --$option" grep -qE "Fl -$option\b" docs/client-intake.1
    check "operations.md has replay --$option" grep -qE "^\| \`--${option}[ \`]" docs/operations.md
done

# The classes of a replay, with what they mean.
classes=$(sed -nE 's/^ *ROW\([A-Z_]+, "([a-z_]+)", ".*/\1/p' worker/replay/comparison.h)
check "a replay has classes" [ "$(wc -l <<<"$classes")" -ge 6 ]
check_equal "what-would-change.md has the classes" "$classes" \
    "$(sed -n '/^| class |/,/^$/s/^| `\([a-z_]*\)` |.*/\1/p' docs/what-would-change.md)"

# A line "name type" for each row of worker/metrics/metrics.h.
metric_rows() {
    printf '%s\n' '#include "worker/metrics/metrics.h"' '#define ROW(name, text, kind, labels, help) $ text kind $' \
        'METRIC_TABLE(ROW)' | "${CC:-cc}" -E -P -I. - | tr -d '\n' | grep -oE '\$ "[a-z_]+" [A-Z]+ \$' \
        | sed -E 's/^\$ "([a-z_]+)" ([A-Z]+) \$$/\1 \2/; s/ COUNTER$/ counter/; s/ (SECONDS|COMMANDS)$/ histogram/
                  s/ (GAUGE|LEVEL|LAG|AGE)$/ gauge/'
}
check "worker/metrics/metrics.h has metrics" [ "$(metric_rows | wc -l)" -ge 20 ]
check_equal "operations.md has the metrics" "$(metric_rows | sort)" \
    "$(sed -nE 's/^\| `([a-z_]+)` \| (counter|gauge|histogram) \|.*/\1 \2/p' docs/operations.md | sort)"

# The members of /status.json, and the findings of the page with the sections that tell what to do.
members=$(cat worker/http/status_json*.c | tr '\n' ' ' | grep -oE '(json_build_set\([^"]*|\{|\] = )"[a-z][a-zA-Z0-9]*"' | cut -d'"' -f2 | sort -u)
check "/status.json has members" [ "$(wc -l <<<"$members")" -ge 60 ]
status_section=$(sed -n '/^### status.json/,/^## /p' docs/operations.md)
check_equal "operations.md has every member of /status.json" "" \
    "$(for member in $members; do grep -qw "$member" <<<"$status_section" || echo "$member"; done)"
sections=$(sed -nE 's/^ *ROW\([A-Z_]+, "[a-z_]+", [A-Z]+, "([^"]*)"\).*/\1/p' worker/http/verdict.h)
check "the page names sections" [ "$(wc -l <<<"$sections")" -ge 12 ]
check_equal "operations.md has every section that the page names" "" "$(while read -r section; do
    grep -qxE "##+ $section" docs/operations.md || echo "$section"; done <<<"$sections")"

# A line "level event" for each event above debug that the program can log; "level begin / end" for a fault that lasts.
log_events() {
    local code
    code=$(cat common/*.c worker/*.c worker/*/*.c | tr '\n' ' ' | sed 's/  */ /g')
    grep -oE '\b(log_(error|warning|info)|source_log_error|log_refusal|log_event|line_build)\(("[^"]*"|[^";])*;' <<<"$code" \
        | sed -E 's/,? ?(LOG_(TEXT|SPAN|INTEGER|LIST)\(|values\)).*//; s/^(source_log_error|log_refusal\([a-z]+, LOG_LEVEL_WARNING|log_event\(LOG_LEVEL_WARNING|line_build\(\&told, LOG_LEVEL_WARNING)/log_warning(/
                  s/^log_refusal\([a-z]+, LOG_LEVEL_INFO/log_info(/; s/^log_event\(ours/log_of its line(/' \
        | awk -F'"' '{ level = $1; sub(/^log_/, "", level); sub(/\(.*/, "", level); for (i = 2; i < NF; i += 2) print level, $i }'
    grep -oE 'struct log_fault\)?( [a-z]+ =)? ?\{"[^"]*", "[^"]*"' <<<"$code" | awk -F'"' '{ print "warning", $2, "/", $4 }'
}
check "the program logs events" [ "$(log_events | wc -l)" -ge 80 ]
documented_events() {
    sed -nE 's/^\| `([^`]*)`( \/ `([^`]*)`)? \| ([a-z][a-z ]*) \|.*/\4 \1 \/ \3/p' docs/log-events.md | sed 's| / $||'
}
check_equal "log-events.md has the events, with their levels (<: it lacks one, >: the program does)" "" \
    "$(diff <(log_events | LC_ALL=C sort -u) <(documented_events | LC_ALL=C sort) | grep '^[<>]')"

rooms=$(sed -n '/^rooms=(/,/)/p' tests/check_rooms.sh | sed 's/^rooms=(//; s/)//' | xargs -n 1)
check_equal "design.md has the rooms, in their order" "$rooms" "$(sed -nE 's/^\| `((common|worker)[a-z\/]*)` \|.*/\1/p' docs/design.md)"

# ---- the documents among themselves ----

documents=(README.md docs/*.md)
check "README.md has at most 200 lines" [ "$(wc -l <README.md)" -le 200 ]

# Keys of the config that documents name and that there are not.
unknown_keys() {
    awk '/^\[/ { section = substr($1, 2, length($1) - 2) } $2 == "=" { print section "." $1 }' config/client-intake.ini \
        | sort >"$suite_folder/keys"
    grep -ohE '`[a-z_]+\.[a-z_]+( = [^`]*)?`' "$@" | tr -d '`' | sed 's/ .*//' | sort -u \
        | grep -E "^($(cut -d. -f1 "$suite_folder/keys" | sort -u | paste -sd '|'))\." | grep -vE '^kafka\.|\.(c|h|sh)$' \
        | comm -23 - "$suite_folder/keys"
}
check_equal "the config has the keys that the documents name" "" "$(unknown_keys "${documents[@]}")"

# The text of a document without its blocks of code.
prose() {
    awk '/^ *```/ { inside = !inside; next } !inside' "$1"
}

# anchors DOCUMENT: of its headings, as GitHub makes them.
anchors() {
    prose "$1" | sed -nE 's/^#+ +//p' | tr A-Z a-z | sed -E 's/[^a-z0-9 _-]//g; s/ /-/g'
}

# broken_links DOCUMENT ...: the relative links that lead to no file, or to no heading of it.
broken_links() {
    local document link path
    for document in "$@"; do
        prose "$document" | sed -E 's/`[^`]*`//g' | grep -oE '\]\([^)]*\)' | sed -E 's/^\]\((.*)\)$/\1/' \
            | grep -vE '^[a-z]+:' | while read -r link; do
            path=${link%%#*}
            path=${path:+$(dirname "$document")/$path}
            path=${path:-$document}
            if [ ! -e "$path" ]; then
                echo "$document: $link: no such file"
            elif [[ $link == *#* ]] && ! anchors "$path" | grep -qxF -- "${link#*#}"; then
                echo "$document: $link: no such heading"
            fi
        done
    done
}
check_equal "every link leads somewhere" "" "$(broken_links "${documents[@]}")"
# The check itself is tested: links that lead nowhere are told, and no others.
cat >"$suite_folder/links.md" <<'END'
# A `heading`, and more
[a](#a-heading-and-more) [b](links.md#a-heading-and-more) [c](https://example.com/#x) `[d](none)`
```
[e](none)
```
[f](none.md) [g](#none) [h](links.md#none)
END
check_equal "links that lead nowhere are told" "none.md: no such file
#none: no such heading
links.md#none: no such heading" "$(broken_links "$suite_folder/links.md" | sed 's/^[^ ]*: //')"

# Examples: a page shows a file of the source behind the comment "file PATH", as it is.
shown_file() {
    awk -v mark="<!-- file $2 -->" '$0 == mark { inside = 1; next } inside && /^```/ { if (++fences == 2) exit; next } inside' "$1"
}
examples=$(find tests/clients -name node_modules -prune -o -type f -print | grep -E '/(client|create|Spring|SmallRye)\.[a-z]+$')
check "there are examples" [ "$(wc -l <<<"$examples")" -ge 6 ]
for example in $examples; do
    check_equal "clients.md shows $example" "$(cat "$example")" "$(shown_file docs/clients.md "$example")"
done
check_equal "clients.md shows no other file" "$(sort <<<"$examples")" "$(sed -nE 's/^<!-- file (.*) -->$/\1/p' docs/clients.md | sort)"

# The libraries that a reader installs in a folder of his own are those of the tests.
shown_libraries() {
    sed -nE 's/^\$ .*(npm|pip) install (.*)/\2/p' docs/clients.md | tr ' ' '\n' | grep -E '(@|==)[0-9]' | sort -u
}
tested_libraries() {
    cat tests/clients/*/package.json | sed -nE 's/^ *"([^"]+)": "([0-9][0-9.]*)",?$/\1@\2/p'
    cat tests/clients/*/requirements.txt
}
check "clients.md names libraries" [ "$(shown_libraries | wc -l)" -ge 10 ]
check_equal "clients.md names libraries in the versions of the tests" "" "$(shown_libraries | grep -vxF "$(tested_libraries)")"
check_equal "each example of clients.md can be tried in a folder of one's own" \
    "$(sed -nE 's/^<!-- run (.*) -->$/\1/p' docs/clients.md)" "$(sed -nE 's/^<!-- own ([a-z]+) .* -->$/\1/p' docs/clients.md)"

tests=$(grep -ohE 'tests/[A-Za-z0-9_./-]+' docs/guarantees.md | sort -u)
check "guarantees.md names tests" [ "$(wc -l <<<"$tests")" -ge 30 ]
check_equal "every test that guarantees.md names is there" "" "$(for path in $tests; do [ -e "$path" ] || echo "$path"; done)"
check_equal "guarantees.md names tests by their paths" "" "$(grep -ohE '`[a-z0-9_]+\.(sh|c)`' docs/guarantees.md)"

# missing_paths DOCUMENT ...: the paths in the source that they name and that there are not.
missing_paths() {
    grep -ohE '`(common|worker|tests|docs|config)/[A-Za-z0-9_./-]+`' "$@" | tr -d '`' | sort -u | grep -v NAME | while read -r path; do
        [ -e "$path" ] || echo "$path"
    done
}
check_equal "every path that the documents name is there" "" "$(missing_paths "${documents[@]}")"
check_equal "every function that design.md names is there" "" \
    "$(grep -ohE '`[a-z]+(_[a-z]+)+`' docs/design.md | tr -d '`' | while read -r name; do
        grep -rqwF --include='*.h' -- "$name" worker || echo "$name"
    done)"

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

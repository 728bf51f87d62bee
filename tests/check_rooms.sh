#!/usr/bin/env bash
# The rooms of the source: who may know whom. Prints every arrow that points up, and fails on one.
#
# An arrow is an #include, or a function or variable that one object file uses and another one defines. Each room knows
# only rooms above it in the list below, and validation knows neither Kafka nor Redis.
. "$(dirname "$0")/lib/suite.sh" || exit 1

rooms=(common worker/model worker/config worker/metrics worker/kafka worker/redis worker/validate worker/definitions
    worker/index worker/source worker/sink worker/daemon worker/http worker/commands worker)

suite_begin
printf '%s\n' "${rooms[@]}" >"$suite_folder/rooms"

# room_of: replaces the paths of standard input, a pair a line, by their rooms; keeps the pair behind them.
rooms_of_pairs() {
    awk 'function room(path) { sub(/\/[^\/]*$/, "", path); sub(/^common\/.*/, "common", path)
                               sub(/^worker\/validate\/.*/, "worker/validate", path); return path }
         { print room($1), room($2), $1, $2 }'
}

# Lines "ROOM ROOM FILE FILE" of arrows that point up, or to a room that is not in the list.
arrows_up() {
    rooms_of_pairs | awk 'NR == FNR { floor[$1] = NR; next }
        $1 == $2 { next }
        !($1 in floor) || !($2 in floor) || floor[$2] >= floor[$1] { print $3 " -> " $4 }' "$suite_folder/rooms" - | sort -u
}

includes() {
    grep -HoE '^#include "(common|worker)/[^"]+"' $(git ls-files 'common/*.[ch]' 'common/*.cc' 'worker/*.[ch]') \
        | sed -E 's/^([^:]+):#include "(.*)"$/\1 \2/'
}

# Pairs of files, by their object files: one uses what the other defines.
links() {
    local file object
    for file in $(git ls-files 'common/*.c' 'common/*.cc' 'worker/*.c' ':!common/gen'); do
        object=$BUILD/${file%.*}.o
        [ ! -e "$object" ] || nm --format=posix "$object" | awk -v file="$file" '{ print file, $2, $1 }'
    done | awk '$2 ~ /^[TDBRVW]$/ { defined[$3] = $1; next } $2 == "U" { uses[++n] = $1 " " $3 }
        END { for (i = 1; i <= n; i++) { split(uses[i], part, " "); if (part[2] in defined) print part[1], defined[part[2]] } }'
}

# A circle of headers, "" for none.
circles() {
    includes | awk '$1 ~ /\.h$/ { print $1, $2 }' | tsort 2>&1 >/dev/null | sed -n 's/^tsort: \(.*\.h\)$/\1/p'
}

includes >"$suite_folder/includes"
links >"$suite_folder/links"
check "there are includes to look at" [ "$(wc -l <"$suite_folder/includes")" -gt 300 ]
check "there are links to look at" [ "$(wc -l <"$suite_folder/links")" -gt 300 ]
check_equal "no include points up" "" "$(arrows_up <"$suite_folder/includes")"
check_equal "no link points up" "" "$(arrows_up <"$suite_folder/links")"
check_equal "no circle of includes" "" "$(circles)"
check_equal "validation knows neither Kafka nor Redis" "" \
    "$(grep -lE '#include <(librdkafka|hiredis)/' common/*.[ch] worker/model/* worker/validate/*.[ch] 2>/dev/null)"
check_equal "every folder of the source is a room" "" \
    "$(git ls-files worker | sed 's/\/[^/]*$//' | sort -u | grep -vx worker/validate/data | grep -vxFf "$suite_folder/rooms")"
# The check itself is tested: an arrow up is found.
check_equal "an arrow up is told" "worker/model/x.h -> worker/sink/sink.h" \
    "$(echo "worker/model/x.h worker/sink/sink.h" | arrows_up)"
suite_end

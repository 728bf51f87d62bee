#!/usr/bin/env bash
# The rooms of the source: who may know whom. Prints every arrow that points up, and fails on one.
#
# An arrow is an #include, or a function or variable that one object file uses and another one defines. Each room knows
# only rooms above it in the list below, and validation knows neither Kafka nor Redis.
. "$(dirname "$0")/lib/suite.sh" || exit 1

rooms=(common worker/model worker/config worker/metrics worker/tracing worker/kafka worker/redis worker/validate worker/definitions
    worker/index worker/source worker/sink worker/daemon worker/replay worker/letters worker/http worker/commands worker)

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
    # shellcheck disable=SC2046 # a list of files
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

# The headers of the rooms whose calls fail because the world does, or the file of the config.
checked_headers=$(git ls-files 'worker/source/*.h' 'worker/sink/*.h' 'worker/index/*.h' 'worker/config/*.h')
# Their results are no success: they answer a question (the ones with _is_, _has_ and the like do by their names), look
# something up, or are always false.
unchecked='held_messages_find|index_damaged|index_fail|index_invalidate|partitions_advance|rebuild_fail|reply_topics_look_again'
unchecked+='|shards_fail|shards_partition|shards_refused|sink_routes_hold_up|source_log|source_postpone|topic_table_find'

# Functions of the headers on standard input whose result tells of success, and that do not begin with MUST_CHECK.
without_must_check() {
    grep -hE '^((bool|int|enum [a-z_]+_result) |[A-Za-z][A-Za-z0-9_ ]* \*)' | grep -vE '^(MUST_CHECK|const|static|typedef|extern)\b' \
        | sed -nE 's/^[A-Za-z][A-Za-z0-9_ ]*[ *]([a-z][a-z0-9_]*)\(.*/\1/p' \
        | grep -vE '_(is|are|has|was|may|names)(_|$)' | grep -vxE "$unchecked"
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
# shellcheck disable=SC2086 # a list of files
check "there are functions whose result must be looked at" [ "$(cat $checked_headers | grep -c '^MUST_CHECK ')" -gt 60 ]
# shellcheck disable=SC2086 # a list of files
check_equal "every result that tells of success must be looked at" "" "$(cat $checked_headers | without_must_check)"
# The checks themselves are tested: what is wrong is found.
check_equal "a function that may be ignored is told" "sink_open sink_do" "$(without_must_check <<'END' | xargs
struct sink *sink_open(void);
bool sink_do(struct sink *sink, int much,
MUST_CHECK bool sink_act(void);
bool sink_is_done(void);
void sink_close(struct sink *sink);
END
)"
# spelling FILE...: those with a string literal that spells a key's name, alone or behind a command.
spelling() {
    grep -lE '"([A-Z]+ )*(client-intake:[a-z{]|client:\{|client-email:\{|custom-fields:)' "$@"
}
# shellcheck disable=SC2046 # a list of files
check_equal "only these two spell the names of keys in Redis" $'worker/redis/redis_fence_keys.h\nworker/redis/redis_keys.h' \
    "$(spelling $(git ls-files 'common/*.[ch]' 'worker/*.[ch]'))"
# The check itself is tested: an arrow up is found.
check_equal "an arrow up is told" "worker/model/x.h -> worker/sink/sink.h" \
    "$(echo "worker/model/x.h worker/sink/sink.h" | arrows_up)"
suite_end

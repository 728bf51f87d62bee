#!/usr/bin/env bash
# The oracle of replay is tested, too: an output that it finds fine, then one fault after the other in copies of it, and in
# copies of the topics. For each it must name what is wrong, no more and no less; and no check may be without a fault that
# it sees.
. "$(dirname "$0")/../lib/replay.sh" || exit 1

LIVE_CHECKS=136
live_begin 3
replay_history history "$(faults_choose 1000 2000)"
replay_run
good=$replay_output status=$replay_status
copy=$replay_folder/copy

# What the oracle finds wrong with $copy, as WHERE=WORD; WHERE is - for what is of no command.
faults() {
    replay_oracle lines --output "$copy" --status "$status" | awk -F '\t' '{ print $1 "=" $2 }' | sort -u
}

# seen WHAT [WHERE=WORD ...]: it finds exactly these.
declare -A words_seen=()
seen() {
    local what=$1 word
    shift
    check_equal "$what" "$(printf '%s\n' "$@" | sort -u)" "$(faults)"
    for word in "$@"; do words_seen[${word#*=}]=yes; done
}

# The sources of the replies on standard input.
places_of() {
    jq -r '.headers // [] | index("ce_id") as $at | select($at) | .[$at + 1]'
}

# same_place [OUTCOME]: the first command that is the same, and whose reply is the only one and has this outcome.
same_place() {
    local outcome=${1:-created} pattern
    case $outcome in
        created) pattern='\"type\":\"client.created\"' ;;
        *) pattern="\\\"code\\\":\\\"$outcome\\\"" ;;
    esac
    grep -F -- "$pattern" "$replay_folder/replies.dump" | grep -vF '"duplicate"' | places_of | sort -V \
        >"$replay_folder/places"
    cat "$replay_folder/replies.dump" "$replay_folder/elsewhere.dump" | places_of | sort | uniq -d >"$replay_folder/doubled"
    jq -r 'select(.position).position' "$good" | cat - "$replay_folder/doubled" | grep -vxF -f - "$replay_folder/places" | head -n 1
}

# line_of FILTER: the number of the first line for which it is true; place_of NUMBER: the command's position.
line_of() {
    jq -c "if $1 then input_line_number else empty end" "$good" | head -n 1
}
place_of() {
    sed -n "$1p" "$good" | jq -r .position
}
# edited NUMBER FILTER: the copy has this line changed.
edited() {
    { head -n "$(($1 - 1))" "$good"; sed -n "$1p" "$good" | jq -c "$2"; tail -n "+$(($1 + 1))" "$good"; } >"$copy"
    ! cmp -s "$good" "$copy" || suite_fail "a fault is seeded" "line $1: $2"
}
# fault CLASS FILTER WORD ...: a fault in the first line of that class with changes of a kind; it is seen as these words.
fault() {
    local number place words=() word
    number=$(line_of ".class == \"$1\" and ${where:-true}")
    place=$(place_of "$number")
    edited "$number" "$2"
    for word in "${@:3}"; do words+=("$place=$word"); done
    seen "$1: ${where:+where $where: }$2" "${words[@]}"
}
summary=$(wc -l <"$good")

cp "$good" "$copy"
seen "nothing is wrong at first"
check_equal "it is made of all classes" '["errors_changed","now_rejected","now_valid","unknown","value_changed"]' \
    "$(jq -sc '[.[].class // empty] | unique' "$good")"

# ---- lines ----

number=$(line_of '.class == "now_valid"')
place=$(place_of "$number")
sed "${number}d" "$good" >"$copy"
seen "a line that is missing" "$place=missing"
sed "${number}p" "$good" >"$copy"
seen "a line that comes twice" "$place=twice"
first=$(line_of .position)
awk -v n="$first" 'NR == n { held = $0; next } { print } NR == n + 1 { print held }' "$good" >"$copy"
seen "two lines in the wrong order" "$(place_of "$first")=order"
{ head -n "$((first - 1))" "$good"; sed -n "$((summary - 1))p" "$good"; tail -n "+$first" "$good" | sed "$((summary - first))d"; } >"$copy"
seen "a later partition that comes first" "$(place_of "$first")=order"
edited "$number" '.position |= sub("/[0-9]+$"; "/999999")'
seen "a position that is not there" "$place=missing" "${place%/*}/999999=unasked"
edited "$number" '.position |= sub("/(?<offset>[0-9]+)$"; "/0\(.offset)")'
seen "a position in another form" "$place=missing" "${place%/*}/0${place##*/}=form"
edited "$number" '.position |= sub("^[^/]*"; "another")'
seen "a position in another topic" "$place=missing" "another/${place#*/}=form"
edited "$number" 'del(.position)'
seen "a line without a position" "$place=missing" "-=form"
sed "${number}s/^{/{{/" "$good" >"$copy"
seen "a line that is no JSON" "$place=missing" "-=form"
head -c -1 "$good" >"$copy"
seen "an output whose end is missing" "-=form" "-=parts"
same=$(same_place)
sed "${number}{p; s|\"$place\"|\"$same\"|}" "$good" >"$copy"
check "a command that is the same is not to be listed" grep -qx "$same=unasked" <(faults)
words_seen[unasked]=yes

# ---- partitions ----

partition=$replay_name.commands
sed 1d "$good" >"$copy"
seen "a partition without a line" "$partition/0=partition"
sed 1p "$good" >"$copy"
seen "a partition with two lines" "$partition/0=partition"
edited 1 '.partition = 9'
seen "a partition that was not asked for" "$partition/0=partition" "$partition/9=partition"
{ sed 1d "$good" | head -n 3; head -n 1 "$good"; tail -n +5 "$good"; } >"$copy"
seen "a partition behind a command" "$partition/0=parts"
for edit in '.from += 1' '.to -= 1' '.offsets -= 1' 'del(.to)'; do
    edited 1 "$edit"
    seen "a partition with $edit" "$partition/0=bounds"
done
for edit in 'del(.fromTime)' '.fromTime |= sub("000Z"; "001Z")' '.toTime = .fromTime'; do
    edited 1 "$edit"
    seen "a partition with $edit" "$partition/0=times"
done

# ---- commands ----

for class in value_changed now_rejected now_valid errors_changed unknown; do
    for other in same value_changed now_rejected now_valid errors_changed unknown another; do
        [ "$class" = "$other" ] || fault "$class" ".class = \"$other\"" class
    done
    fault "$class" '.commandId += "x"' identity
    fault "$class" '.workspaceId = "another"' identity
done
fault now_valid 'del(.workspaceId)' identity
fault now_valid '{position, commandId, workspaceId, class, then: .now, now: .then, changes}' "then" now
fault now_valid 'del(.then)' "then"
fault now_valid 'del(.now)' now
fault now_rejected '.then = "duplicate"' "then"
fault now_rejected '.now = "too_large"' now
where='.then == null' fault unknown '.then = "created"' "then"
where='.then == null' fault unknown 'del(.now)' now
where='.then != null' fault unknown '.now = "created"' now
where='.then == null' fault unknown '.changes = [{path: "/email", then: "required"}]' errors
where='(.changes | length) > 0' fault now_valid '.changes = 1' form errors

fault value_changed '.changes[0] |= {path, then: .now, now: .then}' changes
fault value_changed '.changes[0].now = "x"' changes
fault value_changed '.changes[0].then = "x"' changes
fault value_changed '.changes[0].path += "x"' changes
fault value_changed '.changes[0].path = "givenName"' changes
fault value_changed '.changes[0].path = "/client/givenName"' changes
fault value_changed 'del(.changes[0])' changes
fault value_changed 'del(.changes)' changes
fault value_changed '.changes += [{path: "/object", then: "client", now: "client"}]' changes
fault value_changed '.changes += [{path: "/nowhere", now: 1}]' changes
where='any(.changes[]; has("now") | not)' fault value_changed '(.changes[] | select(has("now") | not)).now = null' changes
where='any(.changes[]; .path | test("services/2"))' fault value_changed '.changes |= map(select(.path | test("services/2") | not))' changes
fault errors_changed 'del(.changes[0])' errors
fault errors_changed '.changes[0].path += "x"' errors
fault errors_changed '.changes += .changes[:1]' errors
where='any(.changes[]; .then and .now)' fault errors_changed '.changes |= map({path, then: .now, now: .then})' errors
where='any(.changes[]; .then and .now)' fault errors_changed '.changes |= map({path, "then": .then}, {path, now})' errors
fault now_rejected '.changes[0] |= {path, then: .now}' errors
fault now_rejected '.changes[0].now = "too_many"' errors
fault now_valid '.changes = [{path: "/nowhere", then: "required"}]' errors

# ---- the summary ----

sed "${summary}d" "$good" >"$copy"
seen "an output without a summary" "-=parts"
sed "${summary}p" "$good" >"$copy"
seen "an output with two summaries" "-=parts"
{ head -n "$((summary - 2))" "$good"; tail -n 1 "$good"; sed -n "$((summary - 1))p" "$good"; } >"$copy"
seen "a command behind the summary" "$(place_of "$((summary - 1))")=parts"
while IFS=: read -r word edit; do
    edited "$summary" "$edit"
    seen "a summary with $edit" "-=$word"
done <<'END'
classes:.classes.unknown -= 1 | .classes.same += 1
classes:.classes.now_valid = 0
classes:.classes.another = 1
classes:.commands += 1
codes-then:.codes.then.created += 1
codes-then:.codes.then |= del(.duplicate)
codes-then:.codes.then.too_large = 1
codes-now:.codes.now.created -= 1
codes-now:.codes.now |= del(.email_taken)
codes-now:.codes.now = .codes.then
workspaces:.workspaces |= .[:19]
workspaces:.workspaces |= .[1:]
workspaces:.workspaces |= [.[1], .[0]] + .[2:]
workspaces:.workspaces[0] |= del(.workspaceId)
lacking:.lackingDefinitions += 1
holes:.holes = [{partition: 0, from: 0, to: 1, reason: "deleted"}]
holes:del(.holes)
END
busiest=$(tail -n 1 "$good" | jq -r '.workspaces[0].workspaceId')
for edit in .commands .classes.same .codes.then.created .codes.now.created; do
    edited "$summary" ".workspaces[0]$edit += 1"
    seen "a workspace with another $edit" "$busiest=workspaces"
done
edited "$summary" 'del(.classes.same)'
seen "a class that is not counted" "-=classes"
cp "$good" "$copy"
for status in 0 3; do seen "the exit status $status" "-=status"; done
status=$replay_status

# ---- the topics ----

# of_topics DUMP PLACE FILTER WHAT [WORD]: the output is compared with other topics, in which the message that answers
# PLACE is another one. The word of the command itself is expected; what follows for the summary is not looked at.
of_topics() {
    local dump=$replay_folder/$1.dump kept=$replay_folder/kept place=$2 words
    cp "$dump" "$kept"
    awk -v place="$place" 'index($0, "\"ce_id\",\"" place "\"")' "$kept" | jq -c "$3" >"$replay_folder/changed"
    awk -v place="$place" '!index($0, "\"ce_id\",\"" place "\"")' "$kept" | cat - "$replay_folder/changed" >"$dump"
    words=$(faults | sed -n "s|^$place=||p")
    cp "$kept" "$dump"
    check_equal "$4" "${5:-}" "$words"
}
created=$(same_place created)
of_topics replies "$created" empty "a reply that is not in the topics" missing
of_topics replies "$created" '.payload |= sub("\"givenName\":\"Ada"; "\"givenName\":\"Eve")' "a reply with another value" missing
of_topics replies "$created" '.payload |= sub("\"createdAt\":\"20"; "\"createdAt\":\"19")' "a client of another time" missing
of_topics replies "$created" '.payload |= sub("\"definitions\":\"."; "\"definitions\":\"x")' "a reply by other definitions" missing
of_topics replies "$created" '., (.ts -= 1 | .payload |= sub("\"givenName\":\"Ada"; "\"givenName\":\"Eve"))' "an earlier reply" missing
of_topics replies "$created" '., (.ts += 1 | .payload |= sub("\"givenName\":\"Ada"; "\"givenName\":\"Eve"))' "a later reply"
of_topics replies "$created" '., (.topic = "a" | .payload |= sub("\"givenName\":\"Ada"; "\"givenName\":\"Eve"))' "a reply in an earlier topic" missing
of_topics replies "$created" '., (.topic = "z" | .payload |= sub("\"givenName\":\"Ada"; "\"givenName\":\"Eve"))' "a reply in a later topic"
of_topics replies "$created" '.committed = false' "a reply that was not committed" missing
of_topics replies "$(same_place command_id_conflict)" '.payload |= sub("command_id_conflict"; "unsupported_type")' \
    "a reply that is no conflict" missing
of_topics replies "$(same_place command_id_conflict)" '.payload |= sub("\"definitions\":\"."; "\"definitions\":\"x")' \
    "a conflict by other definitions"

check_equal "no check is without a fault" "$("$BUILD/tests/live/replay_oracle" words | sort)" \
    "$(printf '%s\n' "${!words_seen[@]}" | sort)"
suite_end

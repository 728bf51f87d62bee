#!/usr/bin/env bash
# The ranges of a replay and the reading of history, on a real Kafka: transactions that are open or were aborted, markers,
# gaps of compaction, deleted records, retention, a topic that is created again, partitions that are added.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
. tests/lib/poison.sh

LIVE_WORKSPACES=1
LIVE_CHECKS=89
LIVE_COMPRESSION=producer # the broker takes compressed batches of any size

# Retention and compaction within a second. Such a broker is a special one: no other suite shares it.
live_before_kafka() {
    printf '%s\n' log.retention.check.interval.ms=500 log.cleaner.backoff.ms=200 log.initial.task.delay.ms=100 \
        log.segment.delete.delay.ms=500 >"$suite_folder/properties"
    export KAFKA_PROPERTIES=$suite_folder/properties
}

reader() {
    local code=0
    "$BUILD/tests/live/replay_reader" "${reader_config:-$live_config}" "$@" || code=$?
    case $1 in transact | stamp) [ "$code" -eq 0 ] || suite_fail "messages are written: $*" ;; esac
    return "$code"
}

# range FROM TO PARTITION: "first stable high from to lost open" of a partition.
range() {
    reader range "$@" | cut -d' ' -f 2-8
}

# times FROM TO PARTITION: the timestamps of the first messages at or after the log's begin, FROM and TO.
times() {
    reader range "$@" | cut -d' ' -f 9-11
}

# read_is WHAT EXPECTED FROM TO PARTITION: what is read, in one range and in ranges of a few offsets.
read_is() {
    check_equal "$1" "$2" "$(reader read "${@:3}")"
    check_equal "$1, in parts" "$2" "$(reader read-chunks "${@:3}")"
}

# A child that waits for a line: slow_start NAME COMMAND ... ; slow_says NAME WORD ; slow_go NAME
declare -A slow_pids=()
slow_start() {
    mkfifo "$suite_folder/$1.in"
    : >"$suite_folder/$1.out" # slow_says must not find what an earlier one said
    exec {slow_in}<>"$suite_folder/$1.in" # opening does not wait for the child
    reader "${@:2}" <"$suite_folder/$1.in" >"$suite_folder/$1.out" 2>"$suite_folder/$1.err" &
    slow_pids[$1]=$!
}
slow_says() {
    eventually grep -q "$2" "$suite_folder/$1.out" || suite_fail "$1 says $2" "$(cat "$suite_folder/$1.err")"
}
slow_go() {
    echo go >&"$slow_in"
    exec {slow_in}>&-
    wait "${slow_pids[$1]}"
    check_equal "$1 ends with 0" 0 $?
    rm "$suite_folder/$1.in"
}

# What slow_start printed behind "begun".
slow_result() {
    sed 's/begun$//; /^$/d' "$suite_folder/$1.out" | tr -d '\n'
}

# fill TOPIC PARTITION COUNT: messages of 100,000 bytes, more of them than a reader fetches ahead.
fill() {
    head -c 100000 /dev/zero | tr '\0' ' ' >"$suite_folder/blanks"
    for ((number = 0; number < $3; number++)); do
        cat "$suite_folder/blanks"
        echo
    done | kcat -P -b "$kafka_address" -t "$1" -p "$2" || suite_fail "$1/$2 is filled"
}

# follows LINE FROM TO: what was read and what is missing follow each other without a gap.
follows() {
    tr ' ' '\n' <<<"$1" | sed -nE 's/^hole:([0-9]+)-([0-9]+):.*/\1 \2/p; s/^([0-9]+)-([0-9]+)$/\1 \2/p; s/^([0-9]+)$/\1 \1/p' \
        | awk -v place="$2" -v to="$3" '$1 != place { wrong = 1 } { place = $2 + 1 } END { exit wrong || place != to }'
}

live_begin 4
faults_own_kafka
topic=$live_name.commands
reader groups | sort >"$suite_folder/groups-before"

# ---- times ----

reader stamp 0 1000 2000 3000 2500 4000
check_equal "a whole partition" "0 5 5 0 5 0 0" "$(range beginning end 0)"
check_equal "its times; nothing stands at its end" "1000 1000 -1" "$(times beginning end 0)"
check_equal "an empty partition" "0 0 0 0 0 0 0" "$(range beginning end 1)"
check_equal "it has no times" "-1 -1 -1" "$(times beginning end 1)"
check_equal "a time stands for the first offset that is not earlier" "0 5 5 2 4 0 0" "$(range time:2500 time:3500 0)"
check_equal "the times of such a range" "1000 3000 4000" "$(times time:2500 time:3500 0)"
check_equal "a time on the millisecond" "0 5 5 1 2 0 0" "$(range time:2000 time:2001 0)"
check_equal "a time before all messages" "0 5 5 0 0 0 0" "$(range time:1 time:1 0)"
check_equal "a time before 1970" "0 5 5 0 5 0 0" "$(range time:1969-12-31T23:59:59.999Z end 0)"
check_equal "a time behind all messages, as the begin" "0 5 5 5 5 0 0" "$(range time:4001 end 0)"
check_equal "a time behind all messages, as the end" "0 5 5 0 5 0 0" "$(range beginning time:4001 0)"
check_equal "an end before the begin" "" "$(reader read time:4000 time:2000 0 | grep -E '[0-9] end')"
check_equal "a partition that is not there" "replay_reader: $topic has no partition 4; its partitions are 0 to 3" \
    "$(reader range beginning end 4 2>&1)"
check_equal "a topic that is not there" "replay_reader: the topic $topic.none does not exist" \
    "$(CLIENT_INTAKE_COMMANDS_TOPIC=$topic.none reader range beginning end 2>&1)"

# ---- transactions: offsets 5 to 7 committed, 8 a marker, 9 to 12 aborted, 13 a marker ----

reader transact 0 3 100 commit
read_is "an end that is a marker" "0: 5-7 end:9" offset:5 end 0
read_is "a range that is a marker" "0: end:9" offset:8 end 0
reader transact 0 4 100 abort
read_is "an end behind aborted messages" "0: 5-7 end:14" offset:5 end 0
read_is "a range of aborted messages at the end of the log" "0: end:12" offset:9 offset:12 0
check_equal "the times where only aborted messages stand" "1000 -1 -1" "$(times offset:9 end 0)"
reader stamp 0 9000
read_is "an end between aborted messages, while the log goes on" "0: 6-7 end:11" offset:6 offset:11 0
read_is "a range of aborted messages, while the log goes on" "0: end:12" offset:9 offset:12 0
read_is "messages around aborted ones" "0: 0-7 14 end:15" beginning end 0
check_equal "the time of the first message behind aborted ones" "1000 9000 -1" "$(times offset:9 end 0)"

# Aborted messages and markers have times too: offsets 0 to 2 are aborted, 3 is a marker, 4 is of 9000.
export CLIENT_INTAKE_COMMANDS_TOPIC=$topic.times
live_intake topics create >/dev/null || suite_fail "a topic for times"
reader transact 0 3 100 abort
reader stamp 0 9000
check_equal "a time before that of the first message" "0 5 5 0 5 0 0" "$(range time:8000 end 0)"
check_equal "a time behind the last message, though markers are later" "0 5 5 5 5 0 0" "$(range time:20000 end 0)"
check_equal "the same for an end" "0 5 5 0 5 0 0" "$(range beginning time:20000 0)"
export CLIENT_INTAKE_COMMANDS_TOPIC=$topic

# Offsets 15 to 19 are open, 20 is committed behind them.
slow_start open transact 0 5 100 hold
slow_says open open
reader stamp 0 9500
check_equal "the range ends before an open transaction" "0 15 21 0 15 0 0" "$(range beginning end 0)"
check_equal "offsets behind it that were asked for" "0 15 21 0 15 0 3" "$(range beginning offset:18 0)"
check_equal "no more than there are" "0 15 21 0 15 0 6" "$(range beginning offset:1000 0)"
check_equal "not those before the begin" "0 15 21 15 15 0 2" "$(range offset:17 offset:19 0)"
check_equal "none are asked for by a time" "0 15 21 0 15 0 0" "$(range beginning time:2100-01-01T00:00:00Z 0)"
check_equal "nothing that is open has a time" "1000 -1 -1" "$(times offset:15 end 0)"
read_is "what is before it is read" "0: 0-7 14 end:15" beginning end 0
slow_go open
check_equal "the end moves on when it ends" "0 22 22 14 22 0 0" "$(range offset:14 end 0)"
read_is "and so does the reading" "0: 14 20 end:22" offset:14 end 0

# ---- deleted records ----

reader stamp 1 1 2 3 4 5 6 7 8 9 10 11 12
topic_config trim "$topic" 1 7
check_equal "the log begins later" "7 12 12 7 12 0 0" "$(range beginning end 1)"
check_equal "and so do its times" "8 8 10" "$(times beginning offset:9 1)"
check_equal "a begin that is gone" "7 12 12 7 10 4 0" "$(range offset:3 offset:10 1)"
check_equal "a range that is gone" "7 12 12 7 5 2 0" "$(range offset:3 offset:5 1)"
check_equal "a time that is gone is no loss" "7 12 12 7 12 0 0" "$(range time:2 end 1)"
read_is "what is left" "1: 7-11 end:12" offset:3 end 1
topic_config trim "$topic" 1 12
check_equal "all records are gone" "12 12 12 12 12 0 0" "$(range beginning end 1)"
check_equal "all records of a range are gone" "12 12 12 12 12 10 0" "$(range offset:2 offset:100 1)"
check_equal "no times then" "-1 -1 -1" "$(times beginning end 1)"

fill "$topic" 2 700
slow_start trimmed read-slowly beginning end 2
slow_says trimmed begun
topic_config trim "$topic" 2 650
slow_go trimmed
check "records that are deleted while they are read are a hole" grep -qE ' hole:[0-9]+-649:deleted 650-699 end:700$' "$suite_folder/trimmed.out"
check "nothing else is missing" follows "$(slow_result trimmed)" 0 700
fill "$topic" 2 700
slow_start trimmed read-slowly offset:650 offset:1300 2
slow_says trimmed begun
topic_config trim "$topic" 2 1400
slow_go trimmed
check "a hole ends with the range" grep -qE ' hole:[0-9]+-1299:deleted end:1300$' "$suite_folder/trimmed.out"
check "nothing else is missing" follows "$(slow_result trimmed)" 650 1300

# ---- a reader that is slower than Kafka ----

# Librdkafka before 2.2 stops for up to a second when its queue is full. That would be 12 pauses and more.
fill "$topic" 2 1500
read -r _ messages _ pauses < <(reader work offset:1400 offset:2900 2)
check_equal "a slow reader reads all" 1500 "$messages"
check "librdkafka goes on fetching meanwhile ($pauses pauses)" [ "$pauses" -lt 5 ]

# ---- a topic that is created again ----

check "a topic" topic_config create "$live_name.again" "" 1
again=$live_name.again0
fill "$again" 0 700
export CLIENT_INTAKE_COMMANDS_TOPIC=$again
slow_start replaced read-slowly beginning end
slow_says replaced begun
check "it is deleted and created again" topic_config replace "$again" 1
slow_go replaced
check "a log that is shorter is a hole" grep -qE ' hole:[0-9]+-699:replaced end:700$' "$suite_folder/replaced.out"
check "nothing else is missing" follows "$(slow_result replaced)" 0 700
fill "$again" 0 700
slow_start replaced read-slowly beginning end
slow_says replaced begun
check "it is deleted and created again" topic_config replace "$again" 1
reader stamp 0 1 2 3
slow_go replaced
check "a log that is shorter and has records is a hole" grep -qE ' hole:[0-9]+-699:replaced end:700$' "$suite_folder/replaced.out"

# ---- compaction ----

check "a topic" topic_config create "$live_name.compacted" "" 1
export CLIENT_INTAKE_COMMANDS_TOPIC=${live_name}.compacted0
check "it is compacted" topic_config set "$CLIENT_INTAKE_COMMANDS_TOPIC" cleanup.policy=compact segment.ms=100 \
    min.cleanable.dirty.ratio=0.001 min.compaction.lag.ms=0
keyed() {
    printf 'value\n%.0s' $(seq "$2") | kcat -P -b "$kafka_address" -t "$CLIENT_INTAKE_COMMANDS_TOPIC" -p 0 -k "$1"
}
keyed one 1
keyed two 20
keyed three 1
tenths 3
keyed two 1 # 22: another segment
tenths 3
keyed three 1 # 23
is_compacted() {
    [ "$(reader read beginning end)" = "0: 0 22-23 end:24" ] || [ "$(reader read beginning end)" = "0: 0 21-23 end:24" ]
}
check "compaction leaves a gap" eventually is_compacted
check_equal "a range in a gap ends" "0: end:15" "$(reader read offset:5 offset:15)"
check_equal "a range that ends in a gap ends" "0: 0 end:15" "$(reader read beginning offset:15)"
check_equal "in parts" "0: 0 end:15" "$(reader read-chunks beginning offset:15)"

# ---- retention ----

check "a topic" topic_config create "$live_name.retained" "" 1
export CLIENT_INTAKE_COMMANDS_TOPIC=${live_name}.retained0
check "it keeps little" topic_config set "$CLIENT_INTAKE_COMMANDS_TOPIC" segment.bytes=1048576 retention.bytes=2097152
fill "$CLIENT_INTAKE_COMMANDS_TOPIC" 0 100
is_retained() {
    first=$(range beginning end 0 | cut -d' ' -f 1)
    [ "$first" -ge 70 ]
}
check "retention deletes" eventually is_retained
check_equal "what it deleted is told" "$first 100 100 $first 100 $((first - 10)) 0" "$(range offset:10 end 0)"
check_equal "what is left is read" "0: $first-99 end:100" "$(reader read beginning end)"
unset CLIENT_INTAKE_COMMANDS_TOPIC

# ---- batches that cannot be decompressed ----

reader_config=$suite_folder/short.ini
sed 's/^\[kafka.consumer\]/&\nreceive.message.max.bytes = 2000000\nfetch.max.bytes = 1048576/' "$live_config" >"$reader_config"
head -c 300000 /dev/zero | tr '\0' ' ' >"$suite_folder/blanks"
for ((number = 0; number < 40; number++)); do
    cat "$suite_folder/blanks"
    echo
done >"$suite_folder/unreadable"
reader stamp 3 1 2 3
kcat -P -b "$kafka_address" -t "$topic" -p 3 -z zstd -l "$suite_folder/unreadable" \
    -X linger.ms=5000 -X batch.num.messages=40 -X batch.size=30000000 -X message.max.bytes=30000000
reader stamp 3 1 2
unreadable=$(reader read beginning end 3)
check "batches that cannot be decompressed are holes" grep -qE '^3: 0-2 (.* )?hole:[0-9]+-42:unreadable 43-44 end:45$' <<<"$unreadable"
check "nothing else is missing" follows "$unreadable" 0 45
check_equal "only a part of one is asked for" "3: hole:30-34:unreadable end:35" "$(reader read offset:30 offset:35 3)"
reader_config=

# ---- partitions that are added ----

check "partitions are added" topic_config grow "$topic" 6
more_partitions() {
    [ "$(reader range beginning end | cut -d' ' -f1 | tr '\n' ' ')" = "0 1 2 3 4 5 " ]
}
check "they are part of the range" eventually more_partitions
reader stamp 5 77
check_equal "and read" "4: end:0 5: 0 end:1" "$(reader read beginning end 5 4 | tr '\n' ' ' | sed 's/ $//')"

# ---- nothing is written ----

reader range beginning end | cut -d' ' -f 1-4 >"$suite_folder/edges-before"
reader read beginning end >/dev/null
reader range beginning end | cut -d' ' -f 1-4 >"$suite_folder/edges-after"
check "no log changes" diff "$suite_folder/edges-before" "$suite_folder/edges-after"
reader groups | sort >"$suite_folder/groups-after"
check "no group appears" diff "$suite_folder/groups-before" "$suite_folder/groups-after"
suite_end

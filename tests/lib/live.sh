# live: what the flow tests share: a real Apache Kafka, a real Redis, workers that may be killed, commands, the oracle.
# A suite reads:
#
#   live_begin 6 [REDIS SETTING ...]    (partitions of the command topic)
#   worker_start one; produce 0 5000 --rate 1000; worker_kill one; ...
#   live_end SECONDS                    (waits for the last reply, stops the workers, asks the oracle)
#
# A suite may define live_before_kafka for what must be there when the broker starts.
# shellcheck shell=bash

# shellcheck source=tests/lib/redis.sh
. "$(dirname "${BASH_SOURCE[0]}")/redis.sh"

LIVE_WORKSPACES=16
LIVE_CHECKS=34 # how many checks of the oracle a suite misses where there is no Kafka
LIVE_COMPRESSION= # topics.compression, if not the default

# Every workspace's. The oracle compares replies with what `validate` says by them; a suite that changes definitions or
# the config's validation on the way sets it to nothing before live_end, and then that is not looked at.
LIVE_DEFINITIONS=tests/live/definitions.json

declare -A worker_pids=() worker_logs=()
kafka_folder= kafka_address=
producer_pid= producer_promised=0
live_worker_command=() # stands in front of the program where a worker runs
live_worker_options=() # of every worker
live_sent=0 # commands, which the oracle expects to find

# The suite ends here, its checks skipped, where there is no Kafka.
live_begin() {
    live_partitions=$1
    shift
    suite_begin
    kafka_folder=$suite_folder/kafka
    if declare -F live_before_kafka >/dev/null; then live_before_kafka || suite_end; fi
    if ! kafka_address=$(tests/kafka/start "$kafka_folder" 2>"$suite_folder/kafka-start"); then
        suite_skip "$LIVE_CHECKS" "no real Apache Kafka here: $(head -n 3 "$suite_folder/kafka-start" | tr '\n' ' ')"
        suite_end
    fi
    live_redis_start "$@" || suite_end

    # A broker that was given may hold the topics and groups of other runs.
    live_name=live-${suite_folder##*.}
    live_config=$suite_folder/worker.ini
    cat >"$live_config" <<EOF
[kafka]
bootstrap.servers = $kafka_address
[kafka.consumer]
group.id = $live_name
session.timeout.ms = 10000
[commands]
topic = $live_name.commands
[replies]
topic = $live_name.replies
allowed = $live_name.elsewhere
[records]
topic = $live_name.records
[dead_letters]
topic = $live_name.dead-letters
[definitions]
topic = $live_name.definitions
on_missing = reject
[topics]
partitions = $live_partitions
replication = 1
[redis]
$(live_redis_settings)
[http]
listen =
EOF
    oracle_options=(--bootstrap "$kafka_address" --commands "$live_name.commands" --replies "$live_name.replies"
        --replies "$live_name.elsewhere" --records "$live_name.records" --dead-letters "$live_name.dead-letters"
        --redis "$redis_socket" --group "$live_name")
    check "topics are created" live_intake topics create --set "topics.compression=${LIVE_COMPRESSION:-uncompressed}"
    check "another reply topic is created" live_intake topics create --set "replies.topic=$live_name.elsewhere"
    live_put_definitions
}

# The index's Redis; a suite with Sentinels has its own (tests/lib/sentinels.sh).
live_redis_start() {
    redis_start "$@"
}

live_redis_settings() {
    echo "address = unix:$redis_socket"
}

# Puts LIVE_DEFINITIONS for every workspace: one message each, and then all of them to Redis at once. Bytes that no
# definitions contain separate the messages.
live_put_definitions() {
    live_definitions_lines | kcat -P -b "$kafka_address" -X partitioner=murmur2_random -t "$live_name.definitions" \
        -K $'\x1f' -D $'\x1e' >"$suite_folder/put" 2>&1 && live_intake definitions sync >>"$suite_folder/put" 2>&1 \
        || suite_fail "definitions are put" "$(tail -n 3 "$suite_folder/put")"
}

live_definitions_lines() {
    local number
    for ((number = 0; number < LIVE_WORKSPACES; number++)); do
        printf 'ws-%d\x1f' "$number"
        cat "$LIVE_DEFINITIONS"
        printf '\x1e'
    done
}

suite_clean_more() {
    [ -z "$kafka_folder" ] || tests/kafka/stop --kill "$kafka_folder"
}

# live_intake COMMAND [ARGUMENT ...]: the program, with the suite's config.
live_intake() {
    local command=("$1")
    shift
    case ${command[0]} in topics | definitions) command+=("$1"); shift ;; esac
    "$BUILD/client-intake" "${command[@]}" --config "$live_config" "$@"
}

# worker_start NAME [--set SECTION.KEY=VALUE ...]: a name keeps its transactional id and its log through restarts.
# $worker_program, if it is set, is started in place of the daemon.
worker_start() {
    local name=$1
    shift
    worker_logs[$name]=$suite_folder/$name.log
    ${live_worker_command[@]+"${live_worker_command[@]}"} "${worker_program:-$BUILD/client-intake}" run \
        --config "$live_config" \
        --set "kafka.producer.transactional.id=$live_name-$name" \
        ${live_worker_options[@]+"${live_worker_options[@]}"} "$@" \
        >>"${worker_logs[$name]}" 2>&1 &
    worker_pids[$name]=$!
}

# The same as a member that keeps its partitions through a restart.
static_worker_start() {
    local name=$1
    shift
    worker_start "$name" --set "kafka.consumer.group.instance.id=$live_name-$name" "$@"
}

worker_kill() {
    if ! kill -KILL "${worker_pids[$1]}" 2>/dev/null; then
        suite_fail "worker $1 was still running" "$(tail -n 3 "${worker_logs[$1]}")"
    fi
    wait "${worker_pids[$1]}" 2>/dev/null
    unset "worker_pids[$1]"
}

# worker_stop NAME [SECONDS]: asks it to end, and checks that it does, with 0, within that time (shutdown.timeout).
worker_stop() {
    local name=$1 seconds=${2:-25} pid=${worker_pids[$1]} status late=
    kill -TERM "$pid" 2>/dev/null
    until_true "$seconds" process_is_gone "$pid" || { late=" not within $seconds s"; kill -KILL "$pid"; }
    wait "$pid"
    status=$?
    unset "worker_pids[$name]"
    if [ "$status" -eq 0 ] && [ -z "$late" ]; then
        suite_pass "worker $name ends on SIGTERM"
    else
        suite_fail "worker $name ends on SIGTERM" "exit $status after $((suite_clock_ms / 1000)) s$late"
        tail -n 30 "${worker_logs[$name]}"
    fi
}

# A child that has ended but was not waited for is a zombie.
process_is_gone() {
    local state
    state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)
    [ -z "$state" ] || [ "$state" = Z ]
}

# process_runs PID ...: each of these children still does. A signal can be sent to one that has ended, too.
process_runs() {
    local pid
    for pid in "$@"; do
        ! process_is_gone "$pid" && suite_is_child "$pid" || return 1
    done
}

# produce FIRST COUNT [OPTION ...]: sends a part of the mixture of commands.
produce() {
    live_sent=$((live_sent + $2))
    make_produce_command "$@"
    "${produce_command[@]}" >/dev/null || suite_fail "commands were sent"
}

# The same in the background; produce_wait waits for it.
produce_along() {
    live_sent=$((live_sent + $2))
    make_produce_command "$@"
    "${produce_command[@]}" >"$suite_folder/produced" &
    producer_pid=$!
    producer_promised=$2
}

make_produce_command() {
    produce_command=("$BUILD/tests/live/produce" --bootstrap "$kafka_address" --topic "$live_name.commands"
        --partitions "$live_partitions" --workspaces "$LIVE_WORKSPACES" --reply-topic "$live_name.elsewhere"
        --first "$1" --count "$2" "${@:3}")
}

produce_wait() {
    check "the sender got everything to Kafka" wait "$producer_pid"
}

# Ends it before it has sent all, where the load should last just as long as something else.
produce_stop() {
    kill -TERM "$producer_pid"
    produce_wait
    live_sent=$((live_sent - producer_promised + $(grep . "$suite_folder/produced" || echo 0)))
}

producing() {
    process_runs "$producer_pid" 2>/dev/null
}

oracle() {
    if [ "$1" = await ]; then oracle_await "$2"; else oracle_run "$@"; fi
}

oracle_run() {
    "$BUILD/tests/live/oracle" "$@" "${oracle_options[@]}" --sent "$live_sent"
}

# oracle_await SECONDS: of the clock of until_true. Then the oracle runs once more, to print what is missing.
oracle_await() {
    local pid
    # Not oracle_run: the process to be ended is the program, not a shell that waits for it.
    "$BUILD/tests/live/oracle" await $(($1 * 1000 / suite_least_share + 1)) "${oracle_options[@]}" --sent "$live_sent" &
    pid=$!
    until_true "$1" process_is_gone "$pid" || kill -TERM "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null || oracle_run await 1
}

# live_settle TOPIC ...: waits until no transaction is open in these topics. The coordinator confirms the end of a
# transaction before its marker stands in each partition, and a read_committed reader ends before a marker that is missing.
# A reader that begins right after a program has committed must wait for that.
live_settle() {
    eventually live_is_settled "$@" || suite_fail "transactions end" "open: $(live_open "$@" 2>&1 | tail -n 3)"
}

live_is_settled() {
    local open
    open=$(live_open "$@") && [ -z "$open" ]
}

# The partitions in which one is open: name, first offset, end, and last stable offset.
live_open() {
    local marks
    marks=$("$BUILD/tests/live/replay_marks" "$kafka_address" "$@") && awk '$3 != $4' <<<"$marks"
}

# A sleep of so many tenths of a second.
tenths() {
    sleep "$(($1 / 10)).$(($1 % 10))"
}

# live_log_count NAME PATTERN: how many lines of a worker's log match.
live_log_count() {
    grep -cE -- "$2" "${worker_logs[$1]}"
}

# live_judge: all checks of the oracle.
live_judge() {
    live_validate
    check_counts oracle oracle judge "${live_validated[@]}"
    live_compare_schemas
}

# The replies that came agree with the JSON Schemas of docs/schemas. The mixture of commands is the same in all suites, so that
# one of them (tests/live/flow.sh) looks at more replies of a kind than the others.
live_replies_per_shape=$(faults_choose 5 25)
live_compare_schemas() {
    oracle replies "$suite_folder/replies" || suite_fail "the replies can be read"
    PER_SHAPE=$live_replies_per_shape check_replies "$suite_folder/replies"
    rm -f "$suite_folder/replies"
}

# What the program says offline about the same commands, for the oracle: `oracle judge "${live_validated[@]}"`.
live_validate() {
    local lines=$suite_folder/lines validated=$suite_folder/validated
    live_validated=()
    [ -n "$LIVE_DEFINITIONS" ] || return 0
    if oracle lines "$lines" && live_intake validate --definitions "$LIVE_DEFINITIONS" "$lines" >"$validated" \
        2>"$suite_folder/validate.log" || [ $? -eq 1 ]; then
        live_validated=(--validated "$validated")
    else
        suite_fail "commands are validated offline" "$(tail -n 3 "$suite_folder/validate.log")"
    fi
}

# live_end SECONDS: the end of a suite. Every command must be answered within that time.
live_end() {
    local name
    check "every command is answered within $1 s" oracle await "$1"
    for name in "${!worker_pids[@]}"; do worker_stop "$name"; done
    live_judge
    if [ "$suite_failed" -gt 0 ]; then
        for name in "${!worker_logs[@]}"; do
            echo "the end of the log of worker $name:"
            tail -n 40 "${worker_logs[$name]}"
        done
    fi
    suite_end
}

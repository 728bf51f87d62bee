# Sourced by the benchmarks with servers: starts a private Kafka and Redis in a temporary folder, and the worker, and stops all of them
# at the end. Sets folder, kafka, redis (the addresses) and build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=${BUILD:-build}
partitions=4
workspaces=16
worker=
io_only=
kafka=

say() { echo "${0##*/}: $*" >&2; }

# Stops only processes started here, by their ids.
clean_up() {
    local status=$?
    trap - EXIT
    [ -z "$io_only" ] || kill -KILL "$io_only" 2>/dev/null || true
    worker_stop || true
    redis-cli -s "$folder/redis.socket" shutdown nosave >/dev/null 2>&1 || true
    [ -z "$kafka" ] || tests/kafka/stop "$folder/kafka" || true
    rm -rf "$folder"
    exit "$status"
}

# servers_start [false]: false leaves out Kafka.
servers_start() {
    local program
    for program in io_only load; do
        [ -x "$build/tests/bench/$program" ] || { say "$build/tests/bench/$program is missing; run make bench"; exit 69; }
    done
    folder=$(mktemp -d)
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    [ "${1:-true}" = false ] || kafka=$(tests/kafka/start "$folder/kafka")
    redis=unix:$folder/redis.socket
    redis-server --port 0 --unixsocket "$folder/redis.socket" --save '' --appendonly no --dir "$folder" \
        >"$folder/redis.log" 2>&1 &
    until redis-cli -s "$folder/redis.socket" ping >/dev/null 2>&1; do sleep 0.1; done
}

load() { "$build/tests/bench/load" "$@" --bootstrap "$kafka"; }

# Empties Redis and stores the definitions of every workspace that the load uses.
redis_reset() {
    local definitions workspace
    definitions=$("$build/tests/bench/load" definitions)
    {
        echo FLUSHALL
        for ((workspace = 0; workspace < workspaces; workspace++)); do
            echo "SET \"custom-fields:{load-$workspace}\" '$definitions'"
        done
    } | redis-cli -s "$folder/redis.socket" >/dev/null
}

# worker_start NAME COMMANDS-TOPIC THREADS: with its own group, transactional id and topics, named after NAME.
worker_start() {
    local name=$1 commands=$2 threads=$3 topic
    for topic in replies records dead-letters definitions; do
        load topic --topic "$name.$topic" --partitions "$partitions"
    done
    "$build/client-intake" run --config config/client-intake.ini \
        --set "kafka.bootstrap.servers=$kafka" --set "redis.address=$redis" --set "worker.threads=$threads" \
        --set "commands.topic=$commands" --set "replies.topic=$name.replies" --set "records.topic=$name.records" \
        --set "dead_letters.topic=$name.dead-letters" --set "definitions.topic=$name.definitions" \
        --set "kafka.consumer.group.id=$name" --set "kafka.producer.transactional.id=$name" \
        --set kafka.consumer.auto.offset.reset=earliest --set http.listen= "${worker_settings[@]}" \
        >"$folder/worker.log" 2>&1 &
    worker=$!
}
worker_settings=()

worker_stop() {
    local pid=$worker
    [ -n "$pid" ] || return 0
    worker=
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" || { say "the worker ended with status $?; the end of its log:"; tail -n 20 "$folder/worker.log" >&2; return 1; }
}

# faults: what the suites of tests/faults share.
#
# Each fault has a line that tells what must hold, which tests/run shows: criterion FAULT WHAT_MUST_HOLD. A suite makes its
# choice of faults and of their lengths by faults_all and faults_choose (tests/lib/suite.sh).
# shellcheck shell=bash

# shellcheck source=tests/lib/live.sh
. "$(dirname "${BASH_SOURCE[0]}")/live.sh"

criterion() {
    echo "criterion: $1: $2"
}

# What an outage needs of tests/kafka/start: a broker of the suite's own. The suite ends here where one was given.
faults_own_kafka() {
    [ -n "${KAFKA_BOOTSTRAP_SERVERS:-}" ] || return 0
    REQUIRE_KAFKA= suite_skip "$LIVE_CHECKS" "KAFKA_BOOTSTRAP_SERVERS names a broker that is not ours to cut off"
    suite_end
}

# The suite ends here where a topic that is deleted and created again may crash librdkafka: 2.4 to 2.8 keep a pointer to a
# freed entry of their cache of metadata when a topic has a new id (its issues 4778 and 4964).
faults_replaces_topics() {
    local version
    version=$("$BUILD/client-intake" --version | awk '$1 == "librdkafka" { print $2 }')
    [[ $version =~ ^2\.[4-8]\. ]] || return 0
    REQUIRE_KAFKA= suite_skip "$LIVE_CHECKS" "librdkafka $version may crash when a topic is deleted and created again"
    suite_end
}

# faults_begin PARTITIONS [REDIS SETTING ...]: live_begin, with a proxy between the workers and each of their servers.
# Senders and the oracle go directly. See `proxy` for what `proxy_tell kafka|redis WORD ...` can say.
faults_begin() {
    local kafka_proxy redis_port
    redis_port=$(free_port)
    live_begin "$@"
    faults_own_kafka
    kafka_proxy=$(cat "$kafka_folder/proxy")
    proxy_start kafka "$kafka_proxy" "$(cat "$kafka_folder/proxied")" --kafka
    proxy_start redis "127.0.0.1:$redis_port" "unix:$redis_socket"
    live_worker_options+=(--set "kafka.bootstrap.servers=$kafka_proxy"
        --set "redis.address=127.0.0.1:$redis_port")
}

# proxy_start NAME LISTEN SERVER [--kafka]
proxy_start() {
    local name=$1 listen=$2 server=$3
    shift 3
    "$BUILD/tests/faults/proxy" run --listen "$listen" --server "$server" --control "$suite_folder/proxy-$name" "$@" &
    eventually proxy_ask "$name" status || suite_fail "a proxy in front of $name"
}

# proxy_tell NAME WORD ...
proxy_tell() {
    local answer
    answer=$(proxy_ask "$@" 2>&1) || suite_fail "the proxy in front of $1 is told: ${*:2}" "$answer"
}

# How many requests or answers have met a rule of the proxy, and how many connections it has reset or cut.
proxy_matched() {
    proxy_ask "$1" status | cut -d' ' -f2
}

proxy_ask() {
    "$BUILD/tests/faults/proxy" tell "$suite_folder/proxy-$1" "${@:2}"
}

# ---- whether commands are answered, as the worker's metrics tell it ----

declare -A faults_ports=() faults_hosts=() # where a worker's metrics are; the host is 127.0.0.1 if none is given

# faults_worker_start NAME [--set ...]: small batches, so that a fault meets every stage, and metrics.
faults_worker_start() {
    [ -n "${faults_ports[$1]:-}" ] || faults_ports[$1]=$(free_port)
    worker_start "$1" --set batch.commands=100 --set "http.listen=$(faults_address "$1")" "${@:2}"
}

# The same as a member that keeps its partitions through a restart.
faults_static_worker_start() {
    faults_worker_start "$1" --set "kafka.consumer.group.instance.id=$live_name-$1" "${@:2}"
}

faults_address() {
    echo "${faults_hosts[$1]:-127.0.0.1}:${faults_ports[$1]}"
}

# faults_metric NAME METRIC: a metric of a worker since its start, whatever its labels are.
faults_metric() {
    curl --silent --max-time 2 "http://$(faults_address "$1")/metrics" \
        | awk -v name="client_intake_$2" 'index($1, name) == 1 { sum += $2 } END { print sum + 0 }'
}

# How many commands a worker has answered since its start.
faults_answered() {
    faults_metric "$1" commands_total
}

faults_answered_more_than() {
    [ "$(faults_answered "$1")" -gt "$2" ]
}

# faults_flows WHAT SECONDS NAME: checks that the worker answers more commands from now on, some batches of them. Load
# must be on its way.
faults_flows() {
    local before
    before=$(faults_answered "$3")
    if until_true "$2" faults_answered_more_than "$3" $((before + 300)); then
        suite_pass "$1 ($((suite_clock_ms / 1000)).$((suite_clock_ms % 1000 / 100)) s)"
    else
        suite_fail "$1" "no more than $(($(faults_answered "$3") - before)) answers in $2 s"
        tail -n 15 "${worker_logs[$3]}"
    fi
}

# faults_stalls WHAT NAME: checks that the fault bites: nothing is answered any more, once the batch under way is.
faults_stalls() {
    check "$1" eventually faults_answers_nothing "$2"
}

faults_answers_nothing() {
    local before
    before=$(faults_answered "$1")
    tenths 15
    [ "$(faults_answered "$1")" = "$before" ]
}

# ---- load that goes on for as long as a suite needs it ----

faults_load_next=0 # number of the first command that was not yet sent

# faults_load RATE [SECONDS]: sees to it that commands are on their way, for 5 s or so many.
faults_load() {
    if [ -n "$producer_pid" ] && producing; then return; fi
    if [ -n "$producer_pid" ]; then wait "$producer_pid" || suite_fail "commands were sent"; fi
    produce_along "$faults_load_next" $(($1 * ${2:-5})) --rate "$1"
    faults_load_next=$((faults_load_next + $1 * ${2:-5}))
}

# Waits for the last of them.
faults_load_end() {
    [ -z "$producer_pid" ] || produce_wait
}

# Ends it at once, where it should last just as long as something else.
faults_load_stop() {
    [ -z "$producer_pid" ] || produce_stop
}

# ---- workers that end, or freeze, at a place of their loop (common/failpoint.h) ----

# The names of all such places in the daemon; and of those in a retry of dead letters.
crash_points() {
    failpoints | grep -vE '^(retry|replay|put)-'
}

retry_points() {
    failpoints | grep '^retry-'
}

failpoints() {
    sed -n 's/^ *ROW([A-Z_]*, "\([a-z-]*\)").*/\1/p' common/failpoint.h
}

# deadly_worker_start NAME POINT PASSES [--set ...]: a worker that gets its signal at the point once it has passed it so
# often. $deadly_signal: KILL, unless it is set to STOP.
deadly_worker_start() {
    local name=$1
    export FAILPOINT=$2 FAILPOINT_AFTER=$3 FAILPOINT_SIGNAL=${deadly_signal:-KILL}
    worker_program=$BUILD/tests/faults/client-intake
    static_worker_start "$name" "${@:4}"
    unset FAILPOINT FAILPOINT_AFTER FAILPOINT_SIGNAL worker_program
}

worker_is_stopped() {
    [ "$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/${worker_pids[$1]}/status" 2>/dev/null)" = T ]
}

faults_is_gone_under_load() {
    [ -z "${faults_load_rate:-}" ] || faults_load "$faults_load_rate"
    process_is_gone "$1"
}

# deadly_worker_dies NAME POINT SECONDS: checks that it did so there.
deadly_worker_dies() {
    local pid=${worker_pids[$1]}
    until_true "$3" faults_is_gone_under_load "$pid"
    if process_is_gone "$pid" && [ "$(tail -n 1 "${worker_logs[$1]}")" = "failpoint $2" ]; then
        suite_pass "a worker is killed at the point $2"
    else
        suite_fail "a worker is killed at the point $2" "$(tail -n 3 "${worker_logs[$1]}")"
        kill -KILL "$pid" 2>/dev/null
    fi
    wait "$pid" 2>/dev/null
    unset "worker_pids[$1]"
}

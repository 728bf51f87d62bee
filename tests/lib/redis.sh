# redis: a Redis of a suite's own, on a unix socket in $suite_folder.
# shellcheck shell=bash

# shellcheck source=tests/lib/suite.sh
. "$(dirname "${BASH_SOURCE[0]}")/suite.sh"

redis_socket= redis_pid=

# redis_start [SETTING ...]: starts it, or starts it again over the same folder, and waits until it answers. Nothing is
# persisted unless the settings say so: redis_start --appendonly yes
redis_start() {
    local folder=$suite_folder/redis
    mkdir -p "$folder"
    redis_socket=$folder/socket
    redis-server --port 0 --unixsocket "$redis_socket" --dir "$folder" --save '' --daemonize no \
        --maxmemory-policy noeviction "$@" >>"$folder/log" 2>&1 &
    redis_pid=$!
    eventually redis_answers || { suite_fail "redis-server started"; tail -n 5 "$folder/log"; return 1; }
}

redis_answers() {
    [ "$(redis_ask PING)" = PONG ]
}

redis_ask() {
    redis-cli -s "$redis_socket" "$@"
}

# Ends it without a chance to write anything.
redis_kill() {
    kill -KILL "$redis_pid"
    wait "$redis_pid" 2>/dev/null
    return 0
}

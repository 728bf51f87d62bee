# sentinels: a Redis master with two replicas and three Sentinels, on loopback ports in the suite's folder, in place of the
# one Redis of live.sh. A suite reads it after live.sh; live_begin starts them.
#
# The program has the users of docs/operations.md, one with a password of its own at the servers and one at the Sentinels, and
# exactly the rights that stand there.
#
# Servers and Sentinels have numbers: 1, 2, 3. $redis_socket is always the socket of the present master, once
# sentinels_settle has found it; the oracle gets it by sentinels_oracle.
# shellcheck shell=bash

SENTINEL_NAME=clients
SENTINEL_DOWN_MS=1500 # how long the master is silent before a Sentinel calls it down

server_password=secret-of-the-servers sentinel_password=secret-of-the-sentinels

declare -A server_pids=() server_ports=() sentinel_pids=() sentinel_ports=()

# sentinels_rights LINE PASSWORD: the rights of the first or second ACL line of docs/operations.md.
sentinels_rights() {
    sed -n 's/^ACL SETUSER client-intake //p' docs/operations.md | sed -n "$1p" | sed "s/PASSWORD/$2/"
}

live_redis_start() {
    local number
    for number in 1 2 3; do
        server_ports[$number]=$(free_port)
        sentinel_ports[$number]=$(free_port)
    done
    server_start 1 "$@" && server_start 2 --replicaof 127.0.0.1 "${server_ports[1]}" "$@" \
        && server_start 3 --replicaof 127.0.0.1 "${server_ports[1]}" "$@" || return 1
    until_true 20 server_has_replicas 1 2 || { suite_fail "the replicas follow the master"; return 1; }
    for number in 1 2 3; do
        cat >"$suite_folder/sentinel-$number.conf" <<EOF
port ${sentinel_ports[$number]}
bind 127.0.0.1
dir $suite_folder
sentinel monitor $SENTINEL_NAME 127.0.0.1 ${server_ports[1]} 2
sentinel down-after-milliseconds $SENTINEL_NAME $SENTINEL_DOWN_MS
sentinel failover-timeout $SENTINEL_NAME 4000
user client-intake $(sentinels_rights 2 "$sentinel_password")
EOF
        sentinel_start "$number"
    done
    until_true 20 sentinels_know_each_other || { suite_fail "the Sentinels know each other"; return 1; }
    redis_socket=$(server_socket 1)
}

live_redis_settings() {
    echo "kind = sentinel"
    echo "address = $(sentinels_addresses)"
    echo "master = $SENTINEL_NAME"
    echo "username = client-intake"
    echo "password = $server_password"
    echo "sentinel_username = client-intake"
    echo "sentinel_password = $sentinel_password"
}

sentinels_addresses() {
    echo "127.0.0.1:${sentinel_ports[1]}, 127.0.0.1:${sentinel_ports[2]}, 127.0.0.1:${sentinel_ports[3]}"
}

# ---- servers ----

server_socket() {
    echo "$suite_folder/server-$1/socket"
}

# server_start NUMBER [SETTING ...]: nothing is persisted, so one that was killed comes back empty. A server remembers
# nothing of whom it followed.
server_start() {
    local number=$1 folder=$suite_folder/server-$1
    shift
    mkdir -p "$folder"
    echo "user client-intake $(sentinels_rights 1 "$server_password")" >"$folder/conf"
    redis-server "$folder/conf" --port "${server_ports[$number]}" --bind 127.0.0.1 --unixsocket "$folder/socket" --dir "$folder" --save '' \
        --daemonize no --maxmemory-policy noeviction --repl-diskless-sync-delay 0 "$@" >>"$folder/log" 2>&1 &
    server_pids[$number]=$!
    eventually server_answers "$number" || { suite_fail "server $number started"; tail -n 5 "$folder/log"; return 1; }
}

server_ask() {
    local number=$1
    shift
    timeout 5 redis-cli -s "$(server_socket "$number")" "$@"
}

server_answers() {
    [ "$(server_ask "$1" PING)" = PONG ]
}

server_kill() {
    kill -KILL "${server_pids[$1]}"
    wait "${server_pids[$1]}" 2>/dev/null
    unset "server_pids[$1]"
}

server_signal() {
    kill "-$2" "${server_pids[$1]}"
}

# server_has_replicas NUMBER COUNT: so many follow it and have what it has.
server_has_replicas() {
    [ "$(server_ask "$1" INFO replication | grep -c 'state=online')" -eq "$2" ]
}

# ---- Sentinels ----

sentinel_start() {
    redis-server "$suite_folder/sentinel-$1.conf" --sentinel >>"$suite_folder/sentinel-$1.log" 2>&1 &
    sentinel_pids[$1]=$!
    eventually sentinel_answers "$1" || suite_fail "Sentinel $1 started" "$(tail -n 3 "$suite_folder/sentinel-$1.log")"
    # Four times this long a Sentinel leaves an old master as it is: time for what is tried with two masters.
    sentinel_ask "$1" SENTINEL DEBUG publish-period 3000 >/dev/null
}

sentinel_kill() {
    kill -KILL "${sentinel_pids[$1]}"
    wait "${sentinel_pids[$1]}" 2>/dev/null
    unset "sentinel_pids[$1]"
}

sentinel_signal() {
    kill "-$2" "${sentinel_pids[$1]}"
}

sentinel_ask() {
    timeout 5 redis-cli -p "${sentinel_ports[$1]}" "${@:2}"
}

sentinel_answers() {
    [ "$(sentinel_ask "$1" PING)" = PONG ]
}

# sentinel_names NUMBER: the number of the server that this Sentinel names.
sentinel_names() {
    local port number
    port=$(sentinel_ask "$1" SENTINEL get-master-addr-by-name "$SENTINEL_NAME" | tail -n 1)
    for number in "${!server_ports[@]}"; do
        [ "${server_ports[$number]}" != "$port" ] || echo "$number"
    done
}

# Each knows two others and two replicas.
sentinels_know_each_other() {
    local number known
    for number in 1 2 3; do
        known=$(sentinel_ask "$number" SENTINEL MASTER "$SENTINEL_NAME" | paste -sd ' ')
        [[ $known == *"num-slaves 2 num-other-sentinels 2 "* ]] || return 1
    done
}

# A Sentinel that was frozen, or that had no processor for two seconds, promotes nothing for the next thirty (TILT). A replica
# whose link has been down for too long meanwhile is not promoted at all.
sentinels_are_level() {
    local number
    for number in "${!sentinel_pids[@]}"; do
        sentinel_ask "$number" INFO sentinel | grep -q '^sentinel_tilt:0' || return 1
    done
}

# sentinels_agree [NOT]: those that run name the same server, another one than NOT, and it calls itself the master.
# $sentinel_master becomes its number.
sentinels_agree() {
    local number named
    sentinel_master=
    for number in "${!sentinel_pids[@]}"; do
        named=$(sentinel_names "$number")
        [ -n "$named" ] && [ "$named" != "${1:-}" ] && [ "$named" = "${sentinel_master:-$named}" ] || return 1
        sentinel_master=$named
    done
    [ "$(server_ask "$sentinel_master" ROLE | head -n 1)" = master ]
}

# sentinels_settle WHAT SECONDS [NOT]: waits until they do, and lets the oracle ask that server from now on.
sentinels_settle() {
    check "$1" until_true "$2" sentinels_agree "${3:-}"
    [ -z "$sentinel_master" ] || sentinels_oracle "$sentinel_master"
}

sentinels_oracle() {
    local i
    redis_socket=$(server_socket "$1")
    for i in "${!oracle_options[@]}"; do
        [ "${oracle_options[$i]}" != --redis ] || oracle_options[i + 1]=$redis_socket
    done
}

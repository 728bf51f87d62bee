# cluster: a Redis Cluster of a suite's own: three masters with a replica each, on loopback ports, in the suite's folder.
# With VALKEY=1, and where it is installed, the nodes are of Valkey.
#
# Nodes have numbers: 1, 2 and 3 begin as masters, 4, 5 and 6 as their replicas. Nothing but the node's own config of the
# cluster is kept in a file: one that was killed comes back empty and knows the others.
#
# With certificates in $certificates (tests/lib/certificates.sh) nodes listen with TLS, too, and require the client's certificate.
#
# The program has a user with exactly the rights of docs/operations.md.
# shellcheck shell=bash

# shellcheck source=tests/lib/suite.sh
. "$(dirname "${BASH_SOURCE[0]}")/suite.sh"

CLUSTER_NODES=(1 2 3 4 5 6)
CLUSTER_TIMEOUT_MS=1000 # how long a master is silent before the others count it as failed
CLUSTER_FAILOVER_SECONDS=15
cluster_password=secret-of-the-cluster

declare -A node_pids=() node_ports=() node_tls_ports=() node_bus_ports=() node_ids=()

cluster_program() {
    if [ "${VALKEY:-}" = 1 ] && command -v valkey-server >/dev/null; then echo valkey-server; else echo redis-server; fi
}

# Whether nodes know the id of their shard: Redis 7.2 and later, and Valkey.
cluster_has_shard_ids() {
    local version
    version=$("$(cluster_program)" --version | sed -n 's/.* v=\([0-9.]*\).*/\1/p')
    [ "$(printf '%s\n' 7.2 "$version" | sort -V | head -n 1)" = 7.2 ]
}

# The line of docs/operations.md, and what a cluster needs besides.
cluster_rights() {
    local line
    line=$(sed -n 's/^ACL SETUSER client-intake //p' docs/operations.md | sed -n "1s/PASSWORD/$cluster_password/p")
    echo "$line +eval +cluster|slots +cluster|info +cluster|myid$(cluster_has_shard_ids && echo ' +cluster|myshardid') ${cluster_more_rights:-}"
}

# What `run` needs besides the line for a single Redis, as docs/operations.md says.
cluster_run_rights() {
    sed -n 's/^ACL SETUSER client-intake \(+.*+evalsha.*\)/\1/p' docs/operations.md
}

# cluster_start [SETTING ...]: all nodes, until each knows that all slots are served and every master has its replica.
cluster_start() {
    local number
    for number in "${CLUSTER_NODES[@]}"; do
        node_ports[$number]=$(free_port)
        node_bus_ports[$number]=$(free_port)
        [ -z "${certificates:-}" ] || node_tls_ports[$number]=$(free_port)
        node_begin "$number" "$@"
    done
    for number in "${CLUSTER_NODES[@]}"; do
        eventually node_answers "$number" || { cluster_fail "$number" started; return 1; }
        node_ids[$number]=$(node_ask "$number" CLUSTER MYID)
    done
    node_ask 1 CLUSTER ADDSLOTSRANGE 0 5460 >/dev/null
    node_ask 2 CLUSTER ADDSLOTSRANGE 5461 10922 >/dev/null
    node_ask 3 CLUSTER ADDSLOTSRANGE 10923 16383 >/dev/null
    for number in 1 2 3; do node_ask "$number" CLUSTER SET-CONFIG-EPOCH "$number" >/dev/null; done
    for number in 2 3 4 5 6; do
        node_ask 1 CLUSTER MEET 127.0.0.1 "${node_ports[$number]}" "${node_bus_ports[$number]}" >/dev/null
    done
    eventually cluster_knows_itself || { suite_fail "the nodes know each other"; return 1; }
    for number in 1 2 3; do
        eventually node_follows "$((number + 3))" "$number" || { cluster_fail "$number" "has a replica"; return 1; }
    done
    eventually cluster_is_whole || { suite_fail "the cluster is whole" "$(node_ask 1 CLUSTER NODES)"; return 1; }
}

cluster_fail() {
    suite_fail "node $1 $2" "$(tail -n 5 "$suite_folder/node-$1/log")"
}

cluster_addresses() {
    local number addresses=
    for number in "${@:-${CLUSTER_NODES[@]}}"; do addresses+=${addresses:+,}127.0.0.1:${node_ports[$number]}; done
    echo "$addresses"
}

# ---- nodes ----

# node_begin NUMBER [SETTING ...]: starts it, or starts it again over the same folder. A replica that was sent nothing yet
# does not count as one in CLUSTER SLOTS, so masters ping them often.
node_begin() {
    local number=$1 folder=$suite_folder/node-$1 tls=()
    shift
    [ -z "${certificates:-}" ] || tls=(--tls-port "${node_tls_ports[$number]}" --tls-cert-file "$certificates/here.pem"
        --tls-key-file "$certificates/here.key" --tls-ca-cert-file "$certificates/authority.pem" --tls-auth-clients yes)
    mkdir -p "$folder"
    echo "user client-intake $(cluster_rights)" >"$folder/conf"
    "$(cluster_program)" "$folder/conf" --port "${node_ports[$number]}" --bind 127.0.0.1 --cluster-enabled yes \
        --cluster-port "${node_bus_ports[$number]}" --cluster-config-file nodes.conf --cluster-node-timeout "$CLUSTER_TIMEOUT_MS" \
        --cluster-replica-validity-factor 0 --cluster-allow-replica-migration no --cluster-require-full-coverage no \
        --dir "$folder" --save '' --daemonize no --maxmemory-policy noeviction --repl-diskless-sync-delay 0 \
        --repl-ping-replica-period 1 ${tls[@]+"${tls[@]}"} "$@" \
        >>"$folder/log" 2>&1 &
    node_pids[$number]=$!
}

# An empty reply is none: redis-cli says nothing of a node that is not there.
node_ask() {
    timeout 5 redis-cli -p "${node_ports[$1]}" "${@:2}" 2>/dev/null
}

node_answers() {
    [ "$(node_ask "$1" PING)" = PONG ]
}

node_kill() {
    kill -KILL "${node_pids[$1]}"
    wait "${node_pids[$1]}" 2>/dev/null
    unset "node_pids[$1]"
}

node_signal() {
    kill "-$2" "${node_pids[$1]}"
}

# node_is NUMBER master|slave
node_is() {
    [ "$(node_ask "$1" ROLE | head -n 1)" = "$2" ]
}

# node_follows NUMBER MASTER: makes it a replica; tried until it knows the master, and has what it has.
node_follows() {
    node_ask "$1" CLUSTER REPLICATE "${node_ids[$2]}" >/dev/null
    node_has_replica "$2"
}

node_has_replica() {
    node_ask "$1" INFO replication | grep -q 'state=online'
}

# ---- all of them ----

cluster_knows_itself() {
    local number
    for number in "${CLUSTER_NODES[@]}"; do
        [ "$(node_ask "$number" CLUSTER NODES | grep -cv -e handshake -e fail)" -eq "${#CLUSTER_NODES[@]}" ] || return 1
    done
}

# All nodes that run say that all slots are served by three masters, and that each master has a replica that can be used.
cluster_is_whole() {
    local number nodes
    for number in "${!node_pids[@]}"; do
        node_ask "$number" CLUSTER INFO | tr -d '\r' | grep -qx 'cluster_state:ok' || return 1
        nodes=$(node_ask "$number" CLUSTER SLOTS | grep -E '^[0-9a-f]{40}$' | sort -u)
        [ "$(wc -l <<<"$nodes")" -eq "${#CLUSTER_NODES[@]}" ] || return 1
    done
    for number in "${!node_pids[@]}"; do
        ! node_is "$number" master || node_has_replica "$number" || return 1
    done
}

# cluster_move_begin SLOT FROM TO; cluster_move_key KEY FROM TO; cluster_move_end SLOT FROM TO
cluster_move_begin() {
    node_ask "$3" CLUSTER SETSLOT "$1" IMPORTING "${node_ids[$2]}" && node_ask "$2" CLUSTER SETSLOT "$1" MIGRATING "${node_ids[$3]}"
}

cluster_move_key() {
    node_ask "$2" MIGRATE 127.0.0.1 "${node_ports[$3]}" "$1" 0 2000
}

cluster_move_end() {
    local number
    for number in "$3" "$2" 1 2 3; do node_ask "$number" CLUSTER SETSLOT "$1" NODE "${node_ids[$3]}"; done
}

# cluster_forget_slots SLOT ...: nobody serves them. A node does not tell the others that it does not serve a slot any more,
# and a node that has forgotten the owner of a slot believes a ping that the owner sent before it forgot the slot itself. So
# every node is told again until none of them knows an owner.
cluster_forget_slots() {
    eventually cluster_slots_are_forgotten "$@" || suite_fail "no node serves the slots" "$*"
}

cluster_slots_are_forgotten() {
    local number slot known=0
    for number in "${!node_pids[@]}"; do
        for slot in "$@"; do node_ask "$number" CLUSTER DELSLOTS "$slot" | grep -q 'already unassigned' || known=1; done
    done
    [ "$known" -eq 0 ]
}

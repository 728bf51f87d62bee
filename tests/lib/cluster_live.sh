# cluster_live: a Redis Cluster in place of the one Redis of live.sh. A suite reads it after live.sh and cluster.sh;
# live_begin starts it. The program has the user of docs/operations.md.
# shellcheck shell=bash

cluster_more_rights=$(cluster_run_rights)

live_redis_start() {
    redis_socket=cluster
    cluster_start "$@"
}

live_redis_settings() {
    echo "kind = cluster"
    echo "address = $(cluster_addresses)"
    echo "username = client-intake"
    echo "password = $cluster_password"
    echo "timeout = 1s"
}

# The masters, as the nodes say that run.
cluster_masters() {
    local number
    for number in "${!node_pids[@]}"; do ! node_is "$number" master || [ -z "$(node_slots "$number")" ] || echo "$number"; done
}

# node_slots NUMBER: the slots that a node says that it serves.
node_slots() {
    node_ask "$1" CLUSTER NODES | sed -n '/myself/s/^\([^ ]* \)\{8\}//p'
}

# The oracle asks the present masters.
cluster_oracle() {
    local i
    # shellcheck disable=SC2046
    redis_socket=$(cluster_addresses $(cluster_masters))
    for i in "${!oracle_options[@]}"; do
        [ "${oracle_options[$i]}" != --redis ] || oracle_options[i + 1]=$redis_socket
    done
}

# owner_of SLOT: the number of the node that serves it, as the nodes say that run.
owner_of() {
    local number place
    for number in "${!node_pids[@]}"; do
        place=$(node_ask "$number" CLUSTER NODES | awk -v slot="$1" '!/fail/ { for (i = 9; i <= NF; i++) { split($i, r, "-"); if ($i ~ /^[0-9]/ && r[1] <= slot && slot <= (r[2] == "" ? r[1] : r[2])) print $1 } }' | head -n 1)
        [ -z "$place" ] || break
    done
    for number in "${!node_ids[@]}"; do [ "${node_ids[$number]}" != "$place" ] || echo "$number"; done
}

# replica_of NUMBER: a replica of this master.
replica_of() {
    local id number
    id=$(node_ask "$1" CLUSTER NODES | awk -v master="${node_ids[$1]}" '$4 == master && !/fail/ { print $1 }' | head -n 1)
    for number in "${!node_ids[@]}"; do [ "${node_ids[$number]}" != "$id" ] || echo "$number"; done
}

#!/usr/bin/env bash
# The network between the workers and their servers loses everything, in one direction or in both, for shorter or longer
# than a session; loses a part; and is narrow.
#
# The suite runs in a network namespace of its own, the workers in a second one, a pair of virtual interfaces between
# them. The namespaces have no name, so that they go with their last process.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

servers=10.207.0.1 workers=10.207.0.2

if [ -z "${FAULTS_NAMESPACE:-}" ]; then
    export FAULTS_NAMESPACE=1
    for unshare in "unshare --net" "unshare --user --map-root-user --net"; do
        $unshare true 2>/dev/null && exec $unshare bash "tests/faults/$(basename "$0")"
    done
    suite_begin
    suite_skip "$LIVE_CHECKS" "a network namespace cannot be made here: as root, or with user namespaces, it can"
    suite_end
fi

criterion "packets to Kafka are lost; with FAULTS=all also those from Kafka, or both" \
    "nothing is answered meanwhile; commands are again within 15 s; nothing is lost or doubled"
criterion "packets to Redis, from Redis, or both are lost (FAULTS=all)" "the same"
criterion "a worker is cut off for longer than its session" \
    "its partitions move to another; what it has in hand when the network comes back does not count; it works on"
criterion "1 % of the packets is lost" "commands are answered all the while; nothing is lost or doubled"
criterion "3 Mbit/s" "the same"

# in_workers COMMAND ...: where the workers are.
in_workers() {
    nsenter --target "$workers_pid" --net "$@"
}

namespaces_make() {
    unshare --net sleep infinity &
    workers_pid=$!
    until_true 5 namespaces_differ || return 1
    ip link set lo up \
        && ip link add servers type veth peer name workers \
        && ip link set workers netns "$workers_pid" \
        && ip address add "$servers/24" dev servers && ip link set servers up \
        && in_workers ip address add "$workers/24" dev workers && in_workers ip link set workers up \
        && in_workers ip link set lo up
}

namespaces_differ() {
    [ "$(readlink "/proc/$workers_pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

# Packets are dropped on arrival, so the sender gets no error.
filters_make() {
    nft "add table inet faults; add chain inet faults arriving { type filter hook input priority 0; }" \
        && in_workers nft "add table inet faults; add chain inet faults arriving { type filter hook input priority 0; }"
}

# lose to|from|both PORT: all packets to a server, from it, or both.
lose() {
    [ "$1" = from ] || nft add rule inet faults arriving iifname servers tcp dport "$2" drop || suite_fail "packets to $2 are lost"
    [ "$1" = to ] || in_workers nft add rule inet faults arriving tcp sport "$2" drop || suite_fail "packets from $2 are lost"
}

lose_some() {
    nft add rule inet faults arriving iifname servers meta l4proto tcp numgen random mod 100 '<' 1 drop \
        && in_workers nft add rule inet faults arriving meta l4proto tcp numgen random mod 100 '<' 1 drop
}

narrow() {
    tc qdisc add dev servers root tbf rate 3mbit burst 16kb latency 400ms \
        && in_workers tc qdisc add dev workers root tbf rate 3mbit burst 16kb latency 400ms
}

mend() {
    nft flush chain inet faults arriving 2>/dev/null
    in_workers nft flush chain inet faults arriving 2>/dev/null
    tc qdisc del dev servers root 2>/dev/null
    in_workers tc qdisc del dev workers root 2>/dev/null
    return 0
}

# outage WHAT SECONDS to|from|both PORT
outage() {
    lose "$3" "$4"
    faults_stalls "$1: nothing is answered" one
    sleep "$2"
    mend
    faults_flows "$1: commands are answered again" 15 one
}

# near COMMAND ...: starts a worker beside the servers.
near() {
    local live_worker_command=()
    "$@"
}

assigned_to_two() {
    [ "$(live_log_count two "partitions assigned")" -ge "$1" ]
}

if ! namespaces_make 2>/dev/null; then
    suite_begin
    suite_skip "$LIVE_CHECKS" "two network namespaces cannot be connected here: ip, or virtual interfaces (veth), are missing"
    suite_end
fi
redis_port=$(free_port)
export KAFKA_HOST=$servers
live_begin "$(faults_choose 3 6)" --bind "$servers" --port "$redis_port" --protected-mode no
faults_own_kafka
kafka_port=${kafka_address##*:}
faults_hosts[one]=$workers
live_worker_command=(nsenter --target "$workers_pid" --net)
live_worker_options=(--set "redis.address=$servers:$redis_port")
produce_along 0 1000000 --rate "$(faults_choose 300 500)"
faults_worker_start one --set worker.threads=2
faults_flows "commands are answered" 20 one

if narrow 2>/dev/null; then
    faults_flows "3 Mbit/s: commands are answered" 20 one
    if faults_all; then
        sleep 5
        faults_flows "3 Mbit/s: commands are answered all the while" 60 one
    fi
else
    suite_skip 1 "bandwidth cannot be limited here: tc, or the kernel's tbf, is missing"
fi
mend

if filters_make 2>/dev/null; then
    check "1 % of the packets is lost" lose_some
    faults_flows "1 % is lost: commands are answered" 15 one
    sleep "$(faults_choose 2 15)"
    faults_flows "1 % is lost: commands are answered all the while" 15 one
    mend

    # Shorter timeouts, so that outages need not be long to reach them.
    worker_stop one
    live_worker_options+=(--set redis.timeout=1s --set kafka.socket.timeout.ms=3000
        --set kafka.consumer.session.timeout.ms=6000 --set kafka.producer.transaction.timeout.ms=10000)
    faults_worker_start one --set worker.threads=2
    faults_flows "commands are answered" 20 one
    for direction in $(faults_choose "" "to from both"); do
        outage "Redis, lost: $direction" "$(faults_choose 0 3)" "$direction" "$redis_port"
    done
    for direction in $(faults_choose "to" "to from both"); do
        outage "Kafka, lost: $direction" "$(faults_choose 1 3)" "$direction" "$kafka_port"
    done

    near faults_worker_start two
    faults_flows "a second worker takes its part" 20 two
    assigned=$(live_log_count two "partitions assigned")
    lose both "{ $redis_port, $kafka_port }"
    check "cut off: the partitions move" until_true 20 assigned_to_two $((assigned + 1))
    faults_flows "cut off: the other works on" 15 two
    sleep "$(faults_choose 0 10)"
    mend
    check "cut off: the worker lives" process_runs "${worker_pids[one]}"
    worker_stop two
    faults_flows "cut off: it works on" 30 one
else
    suite_skip 12 "packets cannot be lost here: nft, or the kernel's nf_tables, is missing"
fi
produce_stop
live_end 120

#!/usr/bin/env bash
# A real Redis Cluster: the map, a connection for each slot, and what becomes of them when a master is killed, fails over
# as planned, is frozen, when a slot moves there and back, and when all nodes were down. SCENES="..." chooses; FAULTS=all
# does everything twice.
. "$(dirname "$0")/../lib/cluster.sh" || exit 1
. tests/lib/certificates.sh

ALL=16384 FIRST=5461 # slots of all, and of node 1
WAIT_MS=3500         # a question takes so long at most while nodes are silent: a look, and redis.timeout

suite_begin
[ -x "$BUILD/tests/live/cluster_probe" ] || { suite_fail "cluster_probe is built"; suite_end; }
has_tls() {
    [[ $("$BUILD/client-intake" check --offline --set redis.tls=on) == "config  ok" ]]
} 2>/dev/null
! has_tls || certificates_make || suite_end
cluster_start || suite_end

# ---- the program's side ----

# probe_open ADDRESSES [SETTING ...]: asks the cluster by these.
probe_open() {
    coproc probe { exec "$BUILD/tests/live/cluster_probe" "$1" redis.timeout=1s redis.username=client-intake \
        "redis.password=$cluster_password" "${@:2}" 2>"$suite_folder/probe.log"; }
    probe_pid=$!
}

probe_close() {
    eval "exec ${probe[1]}>&-"
    wait "$probe_pid"
}

# probe QUESTION: $said becomes the answer, and $said_ms how long it took.
probe() {
    echo "$*" >&"${probe[1]}" && read -r -t 60 said_ms said <&"${probe[0]}" || { said= said_ms=999999; return 1; }
    slowest_ms=$((said_ms > slowest_ms ? said_ms : slowest_ms))
}
slowest_ms=0

# probe_says QUESTION ANSWER: a pattern.
probe_says() {
    probe "$1" && is_said "$2"
}

is_said() {
    # shellcheck disable=SC2053 # a pattern
    [[ $said == $1 ]]
}

check_says() {
    check "$1" probe_says "$2" "$3"
    is_said "$3" || echo "  it says: $said"
}

# check_comes WHAT SECONDS QUESTION ANSWER: it says so within this time; the slowest answer meanwhile is bounded, too.
check_comes() {
    slowest_ms=0
    check "$1 within $2 s" until_true "$2" probe_says "$3" "$4"
    echo "measured: $1: $suite_clock_ms ms; the slowest answer took $slowest_ms ms"
    check "and each answer takes $WAIT_MS ms at most" [ "$slowest_ms" -le "$WAIT_MS" ]
    is_said "$4" || echo "  it says: $said"
}

place() {
    echo "127.0.0.1:${node_ports[$1]}"
}

# column LIST: of the last answer to `masters`, a line for each.
column() {
    sed 's/; /\n/g' <<<"$said" | cut -d' ' -f "$1" | tr , ' '
}

# The number of the connection to a node.
connection_of() {
    probe masters
    column 1,7 | sed -n "s/^$(place "$1") //p"
}

# shard_of SLOT: the first digits of the id of the shard that serves it, as the program sees it.
shard_of() {
    local place
    probe "slot $1"
    place=${said##* }
    probe masters
    column 1,6 | sed -n "s/^$place //p"
}

# shard_of_node NUMBER: the same, as the node says it.
shard_of_node() {
    node_ask "$1" CLUSTER MYSHARDID | cut -c 1-8
}

# ---- scenes ----

scene_map() {
    local number
    probe masters
    check_equal "three masters, each with its slots and a replica" \
        "$(for number in 1 2 3; do echo "$(place "$number") ${node_ids[$number]:0:8} $((number == 2 ? 5462 : FIRST)) 1"; done)" \
        "$(column 1,2,3,4)"
    if cluster_has_shard_ids; then
        check_equal "each shard has its id" "$(for number in 1 2 3; do shard_of_node "$number"; done)" "$(column 6)"
    else
        check_equal "without CLUSTER MYSHARDID the id of the master is that of the shard" "$(column 2)" "$(column 6)"
    fi
    check_equal "and the program knows whose id it is" "$(cluster_has_shard_ids && echo SHARD || echo MASTER)" "$(column 5 | sort -u)"
    check_says "every slot is written at its master" write "answered $ALL"
    check_says "the slots of all keys are the server's" compare "16653 keys, 0 differ"
    check_equal "each key stands in its own slot" 1 "$(node_ask 2 CLUSTER COUNTKEYSINSLOT 7000)"
    check_equal "and with its value" "$(node_ask 2 CLUSTER GETKEYSINSLOT 7000 1)" \
        "client-intake:{$(node_ask 2 GET "$(node_ask 2 CLUSTER GETKEYSINSLOT 7000 1)")}:probe"
}

# One address is enough, also that of a replica, also behind others that are not there.
scene_addresses() {
    probe_close
    probe_open "127.0.0.1:1,$(cluster_addresses 5)"
    check_says "a replica's address is enough" write "answered $ALL"
    probe_close
    probe_open "$(cluster_addresses)"
}

# A node that is asked with TLS names the ports that have it.
scene_tls() {
    local settings=(redis.tls=on "redis.tls_ca=$certificates/authority.pem" "redis.tls_certificate=$certificates/client.pem"
        "redis.tls_key=$certificates/client.key")
    has_tls || { REQUIRE_KAFKA= suite_skip 4 "hiredis has no TLS here: a cluster with TLS is not tried"; return; }
    probe_close
    probe_open "localhost:${node_tls_ports[1]}" "${settings[@]}"
    check_says "with TLS every slot is written" write "answered $ALL"
    check_says "at the port that has TLS" "slot 16383" "served 127.0.0.1:${node_tls_ports[3]}"
    probe_close
    probe_open "localhost:${node_tls_ports[1]}" "${settings[@]}" redis.tls_name=elsewhere.example
    check_says "another name is not accepted" write "no map: localhost:${node_tls_ports[1]}: TLS: *hostname mismatch"
    probe_close
    probe_open "localhost:${node_tls_ports[1]}" "${settings[@]}" redis.tls_name=localhost
    check_says "a name that all have is" write "answered $ALL"
    probe_close
    probe_open "$(cluster_addresses)"
}

scene_killed() {
    local other shard
    other=$(connection_of 2)
    shard=$(shard_of 0)
    node_kill 1
    check_says "the slots of a killed master are lost, the others are written" write "answered 10923 lost $FIRST"
    check_says "and are away then" write "answered 10923 away $FIRST"
    check_says "of a slot it is told where it was" "slot 0" "away $(place 1)"
    check_comes "the promoted replica serves them" "$CLUSTER_FAILOVER_SECONDS" write "answered $ALL"
    check_says "it is the replica" "slot 0" "served $(place 4)"
    check_equal "the other masters keep their connections" "$other" "$(connection_of 2)"
    if cluster_has_shard_ids; then
        check_equal "it is the same shard" "$shard" "$(shard_of 0)"
    else
        check "it counts as another shard" [ "$(shard_of 0)" != "$shard" ]
    fi
    node_begin 1
    check "the killed one comes back as a replica" eventually cluster_is_whole
    check_says "which changes nothing" write "answered $ALL"
}

# Node 4 is the master of the first slots now, or node 1.
scene_failover() {
    local before=1 after=4
    ! node_is 4 master || before=4 after=1
    check_equal "a failover is asked for" OK "$(node_ask "$after" CLUSTER FAILOVER)"
    check "it comes" eventually node_is "$after" master
    check_comes "after a planned failover the new master serves all" 5 write "answered $ALL"
    check_comes "it is the new one" 5 "slot 0" "served $(place "$after")"
    check "the old one follows it" eventually cluster_is_whole
}

# Slot 7000 goes from node 2 to node 3, and back.
scene_moving() {
    local tag from=2 to=3 turn
    probe write
    tag=$(node_ask 2 CLUSTER GETKEYSINSLOT 7000 1)
    tag=${tag#*\{} tag=${tag%\}*}
    for turn in there back; do
        node_ask "$from" MSET "client-intake:{$tag}:a" 1 "client-intake:{$tag}:b" 2 >/dev/null
        cluster_move_begin 7000 "$from" "$to" >/dev/null
        check_says "$turn: keys that are there are read while the slot moves" "read 7000 a b" answered
        check_says "$turn: one that is not is asked for elsewhere" "read 7000 none" "redirected ASK 7000 $(place "$to")"
        check_says "$turn: then the slot is unsure" "slot 7000" "unsure $(place "$from")"
        check_says "$turn: and its neighbour is not" "slot 7001" "served $(place 2)"
        check_comes "$turn: it is tried again" 2 "slot 7000" "served $(place "$from")"
        cluster_move_key "client-intake:{$tag}:a" "$from" "$to" >/dev/null
        check_says "$turn: keys here and there have to wait" "read 7000 a b" "redirected TRYAGAIN *"
        check_says "$turn: the slot is unsure again, the others are written" write "answered 16383 unsure 1"
        for key in b probe; do cluster_move_key "client-intake:{$tag}:$key" "$from" "$to" >/dev/null; done
        cluster_move_end 7000 "$from" "$to" >/dev/null
        check_comes "$turn: the other node serves it" 5 write "answered $ALL"
        check_says "$turn: as the map says" "slot 7000" "served $(place "$to")"
        check_equal "$turn: with what was in it" 1 "$(node_ask "$to" GET "client-intake:{$tag}:a")"
        from=3 to=2
    done
}

scene_frozen() {
    node_signal 3 STOP
    check_says "the slots of a frozen master are lost, the others are written" write "answered 10923 lost 5461"
    echo "measured: a round with a frozen master: $said_ms ms"
    check "in the time of one answer" [ "$said_ms" -le "$WAIT_MS" ]
    check_comes "its replica serves them" "$CLUSTER_FAILOVER_SECONDS" write "answered $ALL"
    check_says "it is the replica" "slot 16383" "served $(place 6)"
    node_signal 3 CONT
    check "the frozen one follows it" eventually cluster_is_whole
    check_comes "which changes nothing" 5 write "answered $ALL"
    node_ask 3 CLUSTER FAILOVER >/dev/null
    check "and is the master again when it is asked to" eventually node_is 3 master
    check_comes "with all its slots" 5 write "answered $ALL"
    check_says "as the map says" "slot 16383" "served $(place 3)"
    check "the cluster is whole" eventually cluster_is_whole
}

scene_all_down() {
    local number
    check "before, all are written" eventually probe_says write "answered $ALL"
    for number in "${CLUSTER_NODES[@]}"; do node_kill "$number"; done
    check_says "all are lost" write "lost $ALL"
    check_says "and away" write "away $ALL"
    for number in "${CLUSTER_NODES[@]}"; do node_begin "$number"; done
    check_comes "all are back, once the nodes take writes" 20 write "answered $ALL"
    check "the cluster is whole" eventually cluster_is_whole
}

# is_told KIND RESULT SUBJECT TEXT: a line of what `check` printed.
is_told() {
    python3 - "$suite_folder/check" "$@" <<'END'
import json, sys
path, kind, result, subject, text = sys.argv[1:]
rows = [json.loads(line) for line in open(path)]
if not any(r["kind"] == kind and r["result"] == result and r["subject"] == subject and text in r["message"] for r in rows):
    sys.exit("not among " + "\n".join(f'{r["kind"]} {r["result"]} {r["subject"]} {r["message"]}' for r in rows))
END
}

# Nobody can be asked for Kafka, which takes ten seconds.
scene_check() {
    node_kill 5
    cluster_forget_slots 7000 7002
    eventually probe_says write "answered 16382 away 2" || suite_fail "two slots are of nobody"
    node_ask 3 CONFIG SET maxmemory 100mb maxmemory-policy allkeys-lru min-replicas-to-write 1 >/dev/null
    node_ask 2 ACL SETUSER client-intake -eval >/dev/null
    # shellcheck disable=SC2046
    node_ask 1 ACL SETUSER client-intake $(cluster_run_rights) >/dev/null
    "$BUILD/client-intake" check --output json --set redis.kind=cluster --set "redis.address=$(cluster_addresses 6)" \
        --set redis.username=client-intake --set "redis.password=$cluster_password" --set kafka.bootstrap.servers=127.0.0.1:1 \
        >"$suite_folder/check" 2>"$suite_folder/check.log"
    check_equal "check ends with 69, since Kafka cannot be reached" 69 $?
    check "it tells of the masters and replicas" is_told reached ok "$(place 6)" ", cluster, 3 masters, 2 replicas"
    check "and of the version" is_told reached ok "$(place 6)" \
        "version $(node_ask 1 INFO server | tr -d '\r' | sed -n 's/^redis_version://p')"
    check "of slots that nobody serves" is_told slots_unserved unavailable "$(place 6)" "no master serves 2 of 16384 slots: 7000, 7002"
    check "of a master without a replica" is_told no_replica warning "$(place 2)" "has no replica"
    check "and of none with one" eval '! is_told no_replica warning "$(place 1)" ""'
    check "of a master that takes writes without replicas" is_told min_replicas warning "$(place 1)" "min-replicas-to-write is 0"
    check "and of none that does not" eval '! is_told min_replicas warning "$(place 3)" ""'
    check "of a master that evicts" is_told evicting warning "$(place 3)" "maxmemory-policy is allkeys-lru"
    check "of one whose user may not run scripts" is_told right_missing warning "$(place 2)" "definitions sync need the right +eval"
    check "and of none whose user may" eval '! is_told right_missing warning "$(place 1)" ""'
    for right in evalsha "script|load" time get hget hmget hdel; do
        check "of $right" is_told right_missing warning "$(place 2)" "run needs the right +$right"
    done
    node_ask 3 CONFIG SET maxmemory 0 maxmemory-policy noeviction min-replicas-to-write 0 >/dev/null
    node_ask 2 CLUSTER ADDSLOTS 7000 7002 >/dev/null
    node_ask 2 ACL SETUSER client-intake +eval >/dev/null
    node_begin 5
    check "the cluster is whole" eventually cluster_is_whole
}

scene_nobody() {
    cluster_forget_slots 7000
    check_comes "a slot of nobody is away, the others are written" 5 write "answered 16383 away 1"
    check_says "it has no master" "slot 7000" "away nobody"
    node_ask 2 CLUSTER ADDSLOTS 7000 >/dev/null
    check_comes "it is served again" 10 write "answered $ALL"
}

probe_open "$(cluster_addresses)"
for round in $(faults_choose 1 "1 2"); do
    for scene in ${SCENES:-map addresses tls killed failover moving frozen nobody check all_down}; do
        echo "scene: $scene, round $round"
        began=$SECONDS
        "scene_$scene"
        echo "measured: scene $scene: $((SECONDS - began)) s"
    done
done
eventually probe_says write "answered $ALL" || suite_fail "in the end every slot is written" "$said"
check_equal "in the end there is one connection to each master, and one for maps" 4 \
    "$(find "/proc/$probe_pid/fd" -lname 'socket:*' | wc -l)"
probe_close
check_equal "the probe ends well" 0 $?
check_equal "and complains of nothing" "" "$(cat "$suite_folder/probe.log")"
suite_end

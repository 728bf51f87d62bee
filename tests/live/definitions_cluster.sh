#!/usr/bin/env bash
# Definitions on a real Redis Cluster and Apache Kafka: put, get, list and sync, while slots move, a master is killed or
# fails over, and what a writer that stalls may still write. SCENES="..." chooses; FAULTS=all does everything twice.
. "$(dirname "$0")/../lib/cluster.sh" || exit 1

PATIENCE_SECONDS=20 # how long the program waits for a slot
slots_that_move=$(faults_choose 12 40) # there and back, under load
suite_begin
kafka_folder=$suite_folder/kafka
suite_clean_more() {
    tests/kafka/stop --kill "$kafka_folder"
}
if ! kafka_address=$(tests/kafka/start "$kafka_folder" 2>"$suite_folder/kafka-start"); then
    suite_skip 140 "no real Apache Kafka here: $(head -n 3 "$suite_folder/kafka-start" | tr '\n' ' ')"
    suite_end
fi
cluster_start || suite_end

name=definitions-cluster-${suite_folder##*.}
topic=$name.definitions
settings=(--set "kafka.bootstrap.servers=$kafka_address" --set "definitions.topic=$topic" --set topics.replication=1
    --set topics.partitions=3 --set redis.kind=cluster --set "redis.address=$(cluster_addresses)" --set redis.timeout=1s
    --set redis.username=client-intake --set "redis.password=$cluster_password")
for other in commands replies records dead_letters; do settings+=(--set "$other.topic=$name.$other"); done

# intake ARGUMENT ...: sets output, error and code.
intake() {
    output=$("$BUILD/client-intake" "${@:1:2}" "${settings[@]}" "${@:3}" 2>"$suite_folder/error")
    code=$?
    error=$(cat "$suite_folder/error")
}

holds() {
    [[ $1 == *"$2"* ]]
}

# set_of FIELD: a set of definitions with a field of this name.
set_of() {
    printf '[{"key":"%s","type":"text"}]' "$1"
}

put() {
    set_of "$2" >"$suite_folder/set-$2"
    intake definitions put "$1" "$suite_folder/set-$2"
}

# slot_of WORKSPACE: the slot of its keys.
slot_of() {
    node_ask "$living" CLUSTER KEYSLOT "custom-fields:{$1}"
}
# in_redis WORKSPACE: what the cluster has.
in_redis() {
    timeout 5 redis-cli -c -p "${node_ports[$living]}" GET "custom-fields:{$1}" 2>/dev/null
}
write_to_redis() {
    timeout 5 redis-cli -c -p "${node_ports[$living]}" SET "custom-fields:{$1}" "$2" >/dev/null 2>&1
}
living=2 # a node that no scene kills

in_topic() {
    kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$topic" -e -q -f '%k\n' | grep -cxF "$1"
}
topic_last() {
    kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$topic" -e -q -f '%k\t%s\n' | grep "^$1"$'\t' | tail -n 1 | cut -f 2
}

# ---- the program's parts, step by step ----

probe_open() {
    coproc probe { exec "$BUILD/tests/live/definitions_probe" "$(cluster_addresses)" redis.timeout=1s \
        redis.username=client-intake "redis.password=$cluster_password" 2>"$suite_folder/probe.log"; }
    probe_pid=$!
    suite_owns "$probe_pid"
}
probe_close() {
    eval "exec ${probe[1]}>&-"
    wait "$probe_pid"
}
step() {
    echo "$*" >&"${probe[1]}" && read -r -t 60 said <&"${probe[0]}" || said=nothing
}
check_step() {
    step "$2"
    check_equal "$1" "$3" "$said"
}

# ---- scenes ----

scene_put() {
    put "a-$round" one
    check_equal "put stores a set" 0 "$code"
    check_equal "in the cluster" "$(set_of one)" "$(in_redis "a-$round")"
    check_equal "and in the topic, once" 1 "$(in_topic "a-$round")"
    put "a-$round" one
    check "a repeated put changes nothing" holds "$output" unchanged
    check_equal "and appends nothing" 1 "$(in_topic "a-$round")"
    intake definitions get "a-$round"
    check_equal "get prints it" "$(set_of one)" "$output"
    intake definitions get nobody
    check_equal "of a workspace without definitions it says so" 1 "$code"
    put "a-$round" two
    check_equal "put replaces a set" "$(set_of two)" "$(in_redis "a-$round")"
    intake definitions history "a-$round"
    check_equal "history shows both" 3 "$(wc -l <<<"$output")"
    "$BUILD/client-intake" definitions get "a-$round" "${settings[@]}" --set "redis.address=127.0.0.1:1" 2>"$suite_folder/error"
    check_equal "without a cluster it fails" 69 $?
    "$BUILD/client-intake" definitions get "a-$round" "${settings[@]}" --set "redis.address=127.0.0.1:1,$(cluster_addresses 5)" >/dev/null
    check_equal "the address of a replica is enough" 0 $?
}

scene_many() {
    local number began
    for ((number = 0; number < 3000; number++)); do printf 'm-%d-%d\t%s\n' "$round" "$number" "$(set_of "f$number")"; done \
        >"$suite_folder/many"
    kcat -b "$kafka_address" -P -t "$topic" -K'\t' -l "$suite_folder/many"
    began=$(date +%s%N)
    intake definitions sync
    echo "measured: sync of 3000 sets into a cluster: $((($(date +%s%N) - began) / 1000000)) ms"
    check "sync stores all" holds "$output" "3000 stored, 0 removed"
    check_equal "a set of many is there" "$(set_of f2999)" "$(in_redis "m-$round-2999")"
    intake definitions sync
    check "a repeated sync changes nothing" holds "$output" "0 stored, 0 removed"
    write_to_redis "m-$round-7" "$(set_of other)"
    printf 'm-%d-8:' "$round" | kcat -b "$kafka_address" -P -t "$topic" -K: -Z
    intake definitions sync
    check "sync replaces what differs and removes what the topic removed" holds "$output" "1 stored, 1 removed"
    check_equal "by the topic's last" "$(set_of f7)" "$(in_redis "m-$round-7")"
    check_equal "and nothing is there" "" "$(in_redis "m-$round-8")"
    write_to_redis 'odd}name' x
    write_to_redis '}' x
    intake definitions list
    check_equal "list shows those of all masters, each once" 2999 "$(grep -c "^m-$round-" <<<"$output")"
    check_equal "in order" "$(LC_ALL=C sort <<<"$output" | grep "^m-$round-")" "$(grep "^m-$round-" <<<"$output")"
    check "a key with braces in its workspace does no harm" grep -q '^odd}name ' <<<"$output"
    for number in 1 2 3; do
        check "node $number has some of them" [ "$(node_ask "$number" --scan --pattern 'custom-fields:*' | wc -l)" -gt 500 ]
    done
}

scene_race() {
    local number
    write_to_redis "race-$round" "$(set_of three)"
    for ((number = 0; number < 6; number++)); do
        set_of two >"$suite_folder/two"
        set_of three >"$suite_folder/three"
        "$BUILD/client-intake" definitions put "race-$round" "$suite_folder/two" "${settings[@]}" >"$suite_folder/race-2" 2>&1 &
        second=$!
        "$BUILD/client-intake" definitions put "race-$round" "$suite_folder/three" "${settings[@]}" >"$suite_folder/race-3" 2>&1 &
        third=$!
        wait "$second" && wait "$third" || suite_fail "two puts at once" "$(cat "$suite_folder/race-2" "$suite_folder/race-3")"
        check_equal "after two puts at once the cluster and the topic agree" "$(topic_last "race-$round")" "$(in_redis "race-$round")"
    done
}

# What a watch holds, by two writers: this one, and `put` or redis-cli.
scene_watch() {
    local number stamp
    probe_open
    write_to_redis w one
    check_step "a watch reads" "watch w v" "watching w=one v"
    check_step "and a change is made" "change w=two" "done"
    check_equal "as the cluster says" two "$(in_redis w)"
    check_step "several in several slots" "watch w x y z" "watching w=two x y z"
    write_to_redis y else
    check_step "of which one has changed: the others are changed" "change w=a x=b y=c z=d" "done, done, not done, done"
    check_equal "what another wrote stays" else "$(in_redis y)"
    check_step "the next watch reads what is there" "watch w v" "watching w=a v"
    check_step "a set can be removed" "change w" "done"
    check_equal "and is gone" "" "$(in_redis w)"
    put w one
    check_step "the next watch reads what is there" "watch w" "watching w=$(set_of one)"
    put w two
    put w one
    check_step "a set that was changed to and fro by put counts as changed" "change w=stale" "not done"
    check_equal "the last one stays" "$(set_of one)" "$(in_redis w)"
    check_step "the next watch reads what is there" "watch w" "watching w=$(set_of one)"
    write_to_redis w other
    put w two
    write_to_redis w "$(set_of one)"
    check_step "also if another wrote between" "change w=stale" "not done"
    put w two
    write_to_redis w "$(set_of three)"
    check_step "the next watch reads what is there" "watch w" "watching w=$(set_of three)"
    put w three
    check_step "a put that appends and finds its bytes there counts as a change" "change w=stale" "not done"
    check_equal "and the cluster agrees with the topic" "$(topic_last w)" "$(in_redis w)"
    stamp=$(for number in 1 2 3; do node_ask $number CLUSTER GETKEYSINSLOT "$(slot_of w)" 100; done | grep '^client-intake:{.*}:definitions$')
    printf 'odd\0stamp' | timeout 5 redis-cli -c -p "${node_ports[$living]}" -x SET "$stamp" >/dev/null
    check_step "the next watch reads what is there" "watch w" "watching w=$(set_of three)"
    check_step "a stamp that is none of ours, with a NUL, stops no change" "change w=$(set_of three)" "done"
    check_step "masters confirm" kept kept
    probe_close
    check_equal "the probe ends well" 0 $?
}

# A slot moves between the watch and the change, and half of it does.
scene_moving() {
    local number key from to turn workspace=moved slot put
    slot=$(slot_of "$workspace")
    from=$(for number in 1 2 3; do [ "$(node_ask $number GET "custom-fields:{$workspace}" | grep -c MOVED)" = 1 ] || echo $number; done)
    to=$((from % 3 + 1))
    probe_open
    put "$workspace" one
    for turn in there back; do
        check_step "$turn: watch" "watch $workspace" "watching $workspace=$(in_redis $workspace)"
        cluster_move_begin "$slot" "$from" "$to" >/dev/null
        # All keys of the slot: the set and the stamp.
        check_equal "$turn: the slot has a stamp" 1 "$(node_ask "$from" CLUSTER GETKEYSINSLOT "$slot" 100 | grep -c '^client-intake:{.*}:definitions$')"
        cluster_move_key "custom-fields:{$workspace}" "$from" "$to" >/dev/null
        check_step "$turn: in a half-moved slot nothing is changed" "change $workspace=stale" "not done"
        put_begin "$workspace" "half-$turn"
        sleep 1
        check "$turn: a put waits for the slot" kill -0 "$put"
        for key in $(node_ask "$from" CLUSTER GETKEYSINSLOT "$slot" 100); do cluster_move_key "$key" "$from" "$to" >/dev/null; done
        cluster_move_end "$slot" "$from" "$to" >/dev/null
        check "$turn: and succeeds once it has moved" wait "$put"
        check_equal "$turn: at the new master" "$(set_of "half-$turn")" "$(node_ask "$to" GET "custom-fields:{$workspace}")"
        check_step "$turn: the watch from before does not hold" "change $workspace=stale" "not done"
        check_step "$turn: watch" "watch $workspace" "watching $workspace=$(set_of "half-$turn")"
        check_step "$turn: a new one does" "change $workspace=$(set_of "moved-$turn")" "done"
        intake definitions list
        check_equal "$turn: list shows it once" 1 "$(grep -c "^$workspace " <<<"$output")"
        from=$((from + to)) to=$((from - to)) from=$((from - to))
    done
    probe_close
    check_equal "the probe ends well" 0 $?
}

# put_begin WORKSPACE FIELD: $put becomes its process.
put_begin() {
    set_of "$2" >"$suite_folder/set-$2"
    "$BUILD/client-intake" definitions put "$1" "$suite_folder/set-$2" "${settings[@]}" >"$suite_folder/put-$2" 2>&1 &
    put=$!
    suite_owns "$put"
}

# While keys move to a master that comes earlier in the list, every list is whole.
scene_list_moving() {
    local number counts= expected
    for ((number = 0; number < 300; number++)); do write_to_redis "l-$number" x; done
    probe_open
    step names
    expected=$said
    move_about &
    mover=$!
    suite_owns "$mover"
    while kill -0 "$mover" 2>/dev/null; do
        step names
        counts+=" $said"
    done
    wait "$mover"
    check_equal "while slots move, every list is whole" "$expected" "$(tr ' ' '\n' <<<"$counts" | sort -u | xargs)"
    check "slots have moved meanwhile" [ "$(cat "$suite_folder/moves")" -gt "$slots_that_move" ]
    echo "measured: $(cat "$suite_folder/moves") slots moved during $(wc -w <<<"$counts") lists"
    probe_close
}

# Slots of node 3 go to node 2, and back.
move_about() {
    local slot key slots from=3 to=2 moves=0
    slots=$(for ((number = 0; number < 300; number++)); do node_ask 3 CLUSTER KEYSLOT "custom-fields:{l-$number}"; done \
        | awk '$1 > 10922' | sort -un | head -n "$slots_that_move")
    for _ in there back; do
        for slot in $slots; do
            cluster_move_begin "$slot" "$from" "$to" >/dev/null
            for key in $(node_ask "$from" CLUSTER GETKEYSINSLOT "$slot" 100); do cluster_move_key "$key" "$from" "$to" >/dev/null; done
            cluster_move_end "$slot" "$from" "$to" >/dev/null
            echo $((++moves)) >"$suite_folder/moves"
        done
        from=2 to=3
    done
}

# Node 1 is killed, and node 4 takes over.
scene_killed() {
    local number workspace began put lost=()
    for ((number = 0; number < 40; number++)); do
        workspace=k-$round-$number
        [ "$(slot_of "$workspace")" -gt 5460 ] || lost+=("$workspace")
        put "$workspace" before >/dev/null
    done
    check "some of them are of node 1" [ "${#lost[@]}" -gt 3 ]
    probe_open
    check_step "a watch before the kill" "watch ${lost[0]}" "watching ${lost[0]}=$(set_of before)"
    node_kill 1
    began=$(date +%s%N)
    put_begin "${lost[0]}" during
    intake definitions list
    check_equal "a list waits for the failover" 0 "$code"
    check_equal "and is whole" 40 "$(grep -c "^k-$round-" <<<"$output")"
    check "a put during the failover succeeds" wait "$put"
    echo "measured: list and put after a kill -9 of a master: $((($(date +%s%N) - began) / 1000000)) ms"
    check_equal "at the new master" "$(set_of during)" "$(in_redis "${lost[0]}")"
    check_step "the watch from before the kill does not hold" "change ${lost[0]}=stale" "not done"
    put "${lost[1]}" after
    check_equal "later puts succeed" "0 $(set_of after)" "$code $(in_redis "${lost[1]}")"
    probe_close
    node_begin 1
    check "the killed one comes back as a replica" eventually cluster_is_whole
    node_ask 1 CLUSTER FAILOVER >/dev/null
    check "and is the master again when it is asked to" eventually node_is 1 master
    check "the cluster is whole" eventually cluster_is_whole
    put "${lost[2]}" planned
    check_equal "a put after a planned failover succeeds" "0 $(set_of planned)" "$code $(in_redis "${lost[2]}")"
}

# A sync whose master is killed in the middle ends with what the topic says.
scene_sync_killed() {
    local number
    for number in 1 2 3 4 5 6; do node_is "$number" master && node_ask "$number" FLUSHALL >/dev/null; done
    "$BUILD/client-intake" definitions sync "${settings[@]}" >"$suite_folder/sync" 2>"$suite_folder/error" &
    sync=$!
    suite_owns "$sync"
    until [ -n "$(node_ask 1 --scan --pattern 'custom-fields:*' | head -n 1)" ] || ! kill -0 "$sync" 2>/dev/null; do :; done
    node_kill 1
    check "a sync goes on behind a failover" wait "$sync"
    echo "measured: $(cat "$suite_folder/sync")"
    intake definitions sync
    intake definitions sync
    check "in the end the cluster agrees with the topic" holds "$output" "0 stored, 0 removed"
    node_begin 1
    check "the killed one comes back as a replica" eventually cluster_is_whole
    node_ask 1 CLUSTER FAILOVER >/dev/null
    check "and is the master again" eventually node_is 1 master
    check "the cluster is whole" eventually cluster_is_whole
}

# server NUMBER: as the program names it. on_node NUMBER [COUNT]: workspaces whose slots are node 1's, 2's or 3's.
server() {
    echo "127.0.0.1:${node_ports[$1]}"
}
on_node() {
    local number slot found=0
    for ((number = 0; found < ${2:-1}; number++)); do
        slot=$(slot_of "n-$number")
        [ $((slot * 3 / 16384 + 1)) != "$1" ] || { found=$((found + 1)) && echo "n-$number"; }
    done
}
catches() {
    step "catch $1"
    [ "${said% *}" = "$2" ]
}
# check_notice WHAT SERVER WORKSPACE: a change of the workspace is announced by this server, and only this one.
check_notice() {
    local before
    step "versions $3 quiet" && before=$said
    write_to_redis "$3" "$RANDOM"
    check "$1: the watch catches up" catches "$2" "caught up,"
    step "versions $3 quiet"
    check "$1: a change is announced" [ "${said% *}" -gt "${before% *}" ]
    check_equal "$1: of others it is not" "${before#* }" "${said#* }"
}

# News of changes come from every master, also from new ones, and from the others while one is away.
scene_notice() {
    local number key slot before workspaces=() list
    for number in 1 2 3; do workspaces[number]=$(on_node "$number"); done
    probe_open
    check_step "all masters are watched" begin begun
    for number in 1 2 3; do check_notice "node $number" "$(server "$number")" "${workspaces[$number]}"; done
    list="$(on_node 1 4 | xargs) $(on_node 2 4 | xargs) $(on_node 3 4 | xargs)"
    check_step "each change is announced before the watch has caught up" "hammer 100 $list" "1200 seen, 0 missed, 0 not caught up"
    for ((number = 0; number < 100; number++)); do write_to_redis "l-$number" x; done
    move_about &
    mover=$!
    suite_owns "$mover"
    check_step "also while slots move" "hammer 100 $(for ((number = 0; number < 12; number++)); do echo "l-$number"; done | xargs)" \
        "1200 seen, 0 missed, 0 not caught up"
    wait "$mover"
    slot=$(slot_of "${workspaces[2]}")
    cluster_move_begin "$slot" 2 3 >/dev/null
    for key in $(node_ask 2 CLUSTER GETKEYSINSLOT "$slot" 100); do cluster_move_key "$key" 2 3 >/dev/null; done
    cluster_move_end "$slot" 2 3 >/dev/null
    check_notice "a slot that has moved" "$(server 3)" "${workspaces[2]}"
    cluster_move_begin "$slot" 3 2 >/dev/null
    for key in $(node_ask 3 CLUSTER GETKEYSINSLOT "$slot" 100); do cluster_move_key "$key" 3 2 >/dev/null; done
    cluster_move_end "$slot" 3 2 >/dev/null
    node_signal 3 STOP
    check "of a frozen master nothing is known, of the others all" catches "$(server 1) $(server 3) $(server 2)" "caught up, not, caught up,"
    check "within the time that the caller has" [ "${said##* }" -lt 2000 ]
    check "its replica takes over" until_true "$CLUSTER_FAILOVER_SECONDS" catches "$(server 6)" "caught up,"
    check_notice "the promoted replica" "$(server 6)" "${workspaces[3]}"
    node_signal 3 CONT
    check "the cluster is whole" eventually cluster_is_whole
    node_ask 3 CLUSTER FAILOVER >/dev/null
    check "after a planned failover the new master is watched" until_true 10 catches "$(server 3)" "caught up,"
    check_notice "the master after a planned failover" "$(server 3)" "${workspaces[3]}"
    check "the cluster is whole" eventually cluster_is_whole
    step "versions ${workspaces[1]}"
    before=$said
    node_kill 1
    check "of a killed master nothing is known, of the others all" catches "$(server 1) $(server 2)" "not, caught up,"
    check_notice "another master meanwhile" "$(server 2)" "${workspaces[2]}"
    check "the replica of a killed master is watched" until_true "$CLUSTER_FAILOVER_SECONDS" catches "$(server 4) $(server 2) $(server 3)" "caught up, caught up, caught up,"
    step "versions ${workspaces[1]}"
    check "what was read from the killed one does not count any more" [ "$said" -gt "$before" ]
    check_notice "the replica of a killed master" "$(server 4)" "${workspaces[1]}"
    node_begin 1
    check "the cluster is whole" eventually cluster_is_whole
    node_ask 1 CLUSTER FAILOVER >/dev/null
    check "in the end all are watched" until_true 10 catches "$(server 1) $(server 2) $(server 3)" "caught up, caught up, caught up,"
    check "the cluster is whole" eventually cluster_is_whole
    probe_close
    check_equal "the probe ends well" 0 $?
    check "the log tells when not all are watched" grep -q 'changes of definitions are not announced' "$suite_folder/probe.log"
}

scene_refused() {
    local slot
    "$BUILD/client-intake" definitions list "${settings[@]}" --set redis.password=wrong >/dev/null 2>"$suite_folder/error"
    check_equal "a wrong password is told" 69 $?
    check "with the reason" grep -q WRONGPASS "$suite_folder/error"
    cluster_forget_slots "$(slot_of forgotten)"
    put forgotten one
    check_equal "a slot of nobody ends a put after $PATIENCE_SECONDS s" 69 "$code"
    check "with the reason" holds "$error" "no master serves slot $(slot_of forgotten)"
    check "and with what to do" holds "$error" "stored in the topic only; put them again"
    slot=$(slot_of forgotten)
    node_ask $((slot * 3 / 16384 + 1)) CLUSTER ADDSLOTS "$slot" >/dev/null
    check "the cluster is whole" eventually cluster_is_whole
    put forgotten one
    check_equal "then it succeeds" 0 "$code"
}

intake topics create --set redis.kind=single --set redis.address=127.0.0.1:1 # which it does not use
check_equal "the topics are there" 0 "$code"
for round in $(faults_choose 1 "1 2"); do
    for scene in ${SCENES:-put many race watch moving killed sync_killed notice refused list_moving}; do
        echo "scene: $scene, round $round"
        began=$SECONDS
        "scene_$scene"
        echo "measured: scene $scene: $((SECONDS - began)) s"
    done
done
suite_end

#!/usr/bin/env bash
# A Redis Cluster of three masters with a replica each (redis.kind = cluster): masters that are killed, frozen or replaced,
# with and without lost writes, slots that move under load, and workers that are killed. No email is given twice, no client
# is made again or lost, and what needs no node that is away goes on. SCENES="..." chooses. `make test` has the scenes plain,
# killed, moved, and workers with a few places where they are killed. FAULTS=all has all scenes and all places, and workers that
# are killed at random moments: one that dies in a restoration has its slots wait for 30 s.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
# shellcheck source=tests/lib/cluster.sh
. "$(dirname "$0")/../lib/cluster.sh" || exit 1
# shellcheck source=tests/lib/cluster_live.sh
. "$(dirname "$0")/../lib/cluster_live.sh" || exit 1

rate=600
SCENES=${SCENES:-$(faults_choose "plain killed moved workers" \
    "plain killed planned forced frozen lost_writes flushed held_up moved resharded workers rebuilds")}

scene() {
    [[ " $SCENES " == *" $1 "* ]]
}

worker() {
    faults_static_worker_start "$1"
}

load_next=0
load_begin() {
    produce_along "$load_next" 1000000 --rate "$rate"
}
load_end() {
    produce_stop
    load_next=$((load_next + $(grep . "$suite_folder/produced" || echo 0)))
}

both_flow() {
    faults_flows "$1: one works" 60 one
    faults_flows "$1: two works" 60 two
}

whole() {
    check "$1: each master has a replica" until_true 60 cluster_is_whole
}

# A master with slots of the load, and its replica.
choose_master() {
    master=$(owner_of "$(node_ask 1 CLUSTER KEYSLOT "{ws-$((RANDOM % LIVE_WORKSPACES))}")")
    replica=$(replica_of "$master")
}

is_master_with_slots() {
    node_is "$1" master && [ -n "$(node_slots "$1")" ]
}

live_begin "$(faults_choose 4 6)"
load_begin
worker one
worker two
both_flow "at the start"

if scene plain; then
    criterion "nothing is wrong" "commands are answered as one server has them answered"
    sleep "$(faults_choose 3 20)"
    both_flow "nothing is wrong"
fi

if scene killed; then
    criterion "a master is killed (kill -9), its replica takes over, and it comes back as a replica" \
        "its slots are restored; the others go on meanwhile"
    for ((round = 0; round < $(faults_choose 1 3); round++)); do
        whole "before a kill"
        choose_master
        node_kill "$master"
        check "a master is killed: its replica takes over" until_true 30 is_master_with_slots "$replica"
        both_flow "a master is killed"
        node_begin "$master"
        both_flow "the old master is back"
    done
fi

if scene planned; then
    criterion "CLUSTER FAILOVER" "the same"
    for ((round = 0; round < $(faults_choose 1 3); round++)); do
        whole "before a planned failover"
        choose_master
        check "a planned failover is begun" eval '[ "$(node_ask "$replica" CLUSTER FAILOVER)" = OK ]'
        check "a planned failover: the replica takes over" until_true 30 is_master_with_slots "$replica"
        both_flow "a planned failover"
    done
fi

if scene forced; then
    criterion "CLUSTER FAILOVER FORCE, of a replica that its master does not hear of" "the same"
    whole "before a forced failover"
    choose_master
    check "a forced failover is begun" eval '[ "$(node_ask "$replica" CLUSTER FAILOVER FORCE)" = OK ]'
    check "a forced failover: the replica takes over" until_true 30 is_master_with_slots "$replica"
    both_flow "a forced failover"
fi

if scene frozen; then
    criterion "a master is frozen until its replica has taken over, and goes on" "what it is told then does not count"
    whole "before a frozen master"
    choose_master
    node_signal "$master" STOP
    check "a frozen master: its replica takes over" until_true 30 is_master_with_slots "$replica"
    both_flow "a frozen master"
    node_signal "$master" CONT
    both_flow "a frozen master goes on"

    criterion "a replica is frozen" "what its master has waits until the cluster counts it as failed"
    whole "before a frozen replica"
    choose_master
    node_signal "$replica" STOP
    both_flow "a frozen replica"
    node_signal "$replica" CONT
fi

if scene lost_writes; then
    criterion "a master is killed after its replica got nothing for a while" "what is missing is read from the record topic"
    whole "before lost writes"
    choose_master
    node_signal "$replica" STOP
    node_ask "$master" CLIENT KILL TYPE replica >/dev/null
    sleep 0.8 # less than the cluster takes to count the replica as failed
    node_kill "$master"
    node_signal "$replica" CONT
    check "lost writes: the replica takes over" until_true 30 is_master_with_slots "$replica"
    both_flow "lost writes"
    node_begin "$master"
fi

if scene flushed; then
    criterion "a master is flushed" "noticed by the missing epochs; restored"
    whole "before a flush"
    choose_master
    node_ask "$master" FLUSHALL >/dev/null
    both_flow "a flush"
fi

if scene held_up; then
    criterion "a master is flushed while a transaction of another program is open in the record topic" \
        "the restoration waits for it, and the log tells where it begins and that it has ended"
    whole "before a flush"
    choose_master
    # Kafka takes no message without a key for a topic that is compacted.
    "$BUILD/tests/faults/topic_config" "$kafka_address" set "$live_name.records" cleanup.policy=delete >/dev/null
    mkfifo "$suite_folder/foreign"
    "$BUILD/tests/faults/transactions" "$kafka_address" "$live_name.records" "$live_name-foreign" <"$suite_folder/foreign" &
    foreign=$!
    exec 8>"$suite_folder/foreign"
    echo "0 foreign" >&8
    tenths 20
    node_ask "$master" FLUSHALL >/dev/null
    told() { cat "$suite_folder"/one*.log "$suite_folder"/two*.log | grep -q "$1"; }
    check "the log tells that the restoration waits" until_true 40 told 'waits for an open transaction.*partition=0 offset='
    echo abort >&8
    exec 8>&-
    wait "$foreign"
    check "and that it no longer does" until_true 40 told 'waits for no transaction any more'
    both_flow "the transaction has ended"
fi

# move SLOT FROM TO: with all its keys, while they are used.
move() {
    local key
    cluster_move_begin "$1" "$2" "$3" >/dev/null
    for ((i = 0; i < 200; i++)); do
        keys=$(node_ask "$2" CLUSTER GETKEYSINSLOT "$1" 100)
        [ -n "$keys" ] || break
        while read -r key; do cluster_move_key "$key" "$2" "$3" >/dev/null; done <<<"$keys"
    done
    cluster_move_end "$1" "$2" "$3" >/dev/null
}

if scene moved; then
    criterion "a slot moves to another master and back, under load" "it is restored after each move; the others go on"
    whole "before a move"
    slot=$(node_ask 1 CLUSTER KEYSLOT "{ws-3}")
    from=$(owner_of "$slot")
    for to in $(cluster_masters); do [ "$to" = "$from" ] || break; done
    move "$slot" "$from" "$to"
    check "a slot has moved" until_true 20 eval '[ "$(owner_of "$slot")" = "$to" ]'
    both_flow "a slot has moved"
    move "$slot" "$to" "$from"
    check "a slot has come back" until_true 20 eval '[ "$(owner_of "$slot")" = "$from" ]'
    both_flow "a slot has come back"
fi

restorations() {
    cat "$suite_folder"/one*.log "$suite_folder"/two*.log | grep -c 'event="slots of Redis are restored from the record topic"'
}

if scene resharded; then
    criterion "many slots move, one by one, under load; one of them takes its time" \
        "partitions with its commands wait, and nobody reads the record topic for it; between restorations workers go on"
    whole "before slots move"
    slot=$(node_ask 1 CLUSTER KEYSLOT "{ws-5}")
    from=$(owner_of "$slot")
    for to in $(cluster_masters); do [ "$to" = "$from" ] || break; done
    before=$(restorations)
    cluster_move_begin "$slot" "$from" "$to" >/dev/null
    sleep "$(faults_choose 8 20)"
    check "a slot that is on its way is not restored" [ "$(($(restorations) - before))" -le 1 ]
    move "$slot" "$from" "$to"
    moved=0
    for ((next = 0; next < 16384 && moved < $(faults_choose 20 60); next++)); do
        [ "$(owner_of "$next")" = "$from" ] || continue
        move "$next" "$from" "$to"
        moved=$((moved + 1))
    done
    both_flow "many slots have moved"
fi

# What a step does not have on a cluster, or is a scene of its own. For a few steps: one before the claims, one behind
# them, and both sides of the commit.
points() {
    if faults_all; then
        crash_points | grep -vE '^(before-fence|in-displacement|rebuild-.*|in-revocation)$'
    else
        printf '%s\n' in-claim before-commit after-checkpoint
    fi
}

if scene workers; then
    criterion "workers are killed, at random moments and between their steps" "every command has one reply"
    for ((round = 0; round < $(faults_choose 0 30); round++)); do
        tenths $((RANDOM % 20 + 5))
        worker_kill one
        worker one
    done
    both_flow "workers were killed"
    worker_kill two
    for point in $(points); do
        passes=$((RANDOM % 4))
        [ "$point" != owned ] || passes=0
        deadly_worker_start two "$point" "$passes" --set batch.commands=100
        deadly_worker_dies two "$point" 40
    done
    before=$(restorations)
    deadly_worker_start two after-commit 3 --set batch.commands=100
    deadly_worker_dies two after-commit 40
    worker two
    both_flow "workers were killed between their steps"
    check_equal "behind a kill between commit and checkpoint nothing is restored" "$before" "$(restorations)"
fi

if scene rebuilds; then
    criterion "a worker is killed in the midst of a restoration" "another one restores the slots, once the token has ended"
    for point in rebuild-begun rebuild-before-end rebuild-after-end; do
        whole "before a restoration that is cut"
        worker_kill one
        worker_kill two
        choose_master
        node_ask "$master" FLUSHALL >/dev/null
        deadly_worker_start two "$point" 0 --set batch.commands=100
        deadly_worker_dies two "$point" 60
        worker one
        worker two
        faults_flows "$point: one works again" 90 one
        faults_flows "$point: two works again" 90 two
    done
fi

criterion "users with the documented rights" "nothing was refused"
refused() {
    local number
    for number in "${!node_pids[@]}"; do node_ask "$number" ACL LOG; done
}
check_equal "nothing was refused" "" "$(refused)"
load_end
whole "at the end"

criterion "a replay" "a dry run reads the definitions of the cluster; what writes to the index ends with 78"
live_intake replay --definitions current >"$suite_folder/replay" 2>&1
check "a dry run ends" [ $? -le 1 ]
check "and has found the commands the same" grep -q same "$suite_folder/replay"
live_intake replay --apply --name again --replies "$live_name.replies" >/dev/null 2>&1
check_equal "--apply is refused" 78 $?
live_intake replay --rebuild >/dev/null 2>&1
check_equal "--rebuild is refused" 78 $?

cluster_oracle
live_end 120

#!/usr/bin/env bash
# withdrawn_claims.sh on a Redis Cluster: three masters come back with an older file, before their replicas would
# take over.
on_cluster=1

withdrawn_on_cluster() {
    # shellcheck source=tests/lib/cluster.sh
    . "$(dirname "$0")/../lib/cluster.sh" || exit 1
    # shellcheck source=tests/lib/cluster_live.sh
    . "$(dirname "$0")/../lib/cluster_live.sh" || exit 1
    CLUSTER_TIMEOUT_MS=15000 # a master is back before the others count it as failed
}

keep_state() {
    local number
    for number in 1 2 3; do
        node_ask "$number" SAVE >/dev/null && cp "$suite_folder/node-$number/dump.rdb" "$suite_folder/state-$number" || return 1
    done
}

back_to_state() {
    local number
    for number in 1 2 3; do
        node_kill "$number"
        cp "$suite_folder/state-$number" "$suite_folder/node-$number/dump.rdb"
        node_begin "$number"
    done
    for number in 1 2 3; do eventually node_answers "$number" || return 1; done
}

rebuilds() { grep -c 'event="slots of Redis are restored from the record topic"' "$suite_folder/one.log"; }
has_caught_up() { true; } # the commit was announced

# shellcheck source=tests/faults/withdrawn_claims.sh
. "$(dirname "$0")/withdrawn_claims.sh"

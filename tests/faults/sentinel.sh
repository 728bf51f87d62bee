#!/usr/bin/env bash
# A Redis master with two replicas and three Sentinels (redis.kind = sentinel): failovers, planned and not, with and without
# lost writes, and Sentinels that are away or lie. No email is given twice, no client is made again or lost.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
# shellcheck source=tests/lib/sentinels.sh
. "$(dirname "$0")/../lib/sentinels.sh" || exit 1

rate=$(faults_choose 300 600)

# flows WHAT [SECONDS]: commands are answered, and go on to be.
flows() {
    faults_load "$rate" 20
    faults_flows "$1: commands are answered" "${2:-30}" one
}

live_begin "$(faults_choose 3 6)"
faults_worker_start one --set worker.threads=2
flows "at the start"

criterion "SENTINEL FAILOVER under load" \
    "nothing is answered by the old master once a worker has met the new one; nothing is lost or doubled"
check_equal "a failover is asked for" OK "$(sentinel_ask 1 SENTINEL FAILOVER "$SENTINEL_MASTER")"
sentinels_settle "a replica is promoted" 20 1
flows "after a planned failover"

faults_load_end
live_end 60

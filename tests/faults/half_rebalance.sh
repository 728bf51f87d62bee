#!/usr/bin/env bash
# Static members are killed between the two halves of a cooperative rebalance: partitions are revoked from one and not yet
# assigned to the other. When both come back, the broker gives each what it had, and those partitions have no owner.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

# No session may end during the test, since that would also trigger a rebalance.
options=(--set kafka.consumer.session.timeout.ms=60000)

has_all_partitions() {
    grep -q 'partitions assigned" partitions=6' "${worker_logs[one]}"
}

live_begin 6
criterion "static members are killed between the two halves of a rebalance" \
    "the unassigned partitions are noticed and the group is rejoined: all commands are answered within 40 s"
deadly_worker_start one in-revocation 0 "${options[@]}"
check "one member has all partitions" until_true 20 has_all_partitions
static_worker_start two "${options[@]}"
deadly_worker_dies one in-revocation 20
worker_kill two
static_worker_start one "${options[@]}"
static_worker_start two "${options[@]}"
produce 0 3000
check "all is answered" oracle await 40
check "it was noticed" grep -q "unassigned partitions found" "${worker_logs[one]}" "${worker_logs[two]}"
live_end 60

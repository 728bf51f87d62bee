#!/usr/bin/env bash
# Static members are killed between the two halves of a cooperative rebalance: after one has given partitions up, before
# the other is given them. When they come back, the broker gives each what it had, and those partitions are nobody's.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

# So long that no session ends during the test: that would mend it, too.
options=(--set kafka.consumer.session.timeout.ms=60000)

has_all_partitions() {
    grep -q 'partitions assigned" partitions=6' "${worker_logs[one]}"
}

live_begin 6
criterion "static members are killed between the two halves of a rebalance" \
    "the partitions that are nobody's then are noticed and shared anew: all commands are answered within 40 s"
deadly_worker_start one in-revocation 0 "${options[@]}"
check "one member has all partitions" until_true 20 has_all_partitions
static_worker_start two "${options[@]}"
deadly_worker_dies one in-revocation 20
worker_kill two
static_worker_start one "${options[@]}"
static_worker_start two "${options[@]}"
produce 0 3000
check "all is answered" oracle await 40
check "it was noticed" grep -q "partitions are nobody's" "${worker_logs[one]}" "${worker_logs[two]}"
live_end 60

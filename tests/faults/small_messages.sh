#!/usr/bin/env bash
# Messages that are as small as can be: librdkafka needs some 300 bytes for each, so a fetch of them takes many times its
# length.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
. tests/lib/memory.sh
. tests/lib/poison.sh

partitions=16 each=150000
# By docs/operations.md, with limits.memory_bytes = 256 MiB and one thread.
memory_mib=256 program_mib=20 thread_mib=24 fetch_mib=70

criterion "$each messages without key, value and headers in each of $partitions partitions" \
    "memory stays within what docs/operations.md says; they are answered"
LIVE_DEFINITIONS=
live_begin "$partitions"
for ((partition = 0; partition < partitions; partition++)); do
    poison nothing unsaid "$partition" "$each" 0
done
faults_worker_start one --set worker.threads=1 --set batch.commands=5000 --set "limits.memory_bytes=$memory_mib MiB"

check "the first are answered" until_true 60 faults_answered_more_than one 50000
memory_stays_below "memory with small messages" "${worker_pids[one]}" $((memory_mib + program_mib + thread_mib + fetch_mib))
worker_stop one
suite_end

#!/usr/bin/env bash
# Many more random histories of the record topic than tests/embedded/test_rebuild.c tries by itself. REBUILD_SEED=number
# repeats one that failed: the program prints it.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

suite_begin
seeds=$(faults_choose 3 60)
criterion "Redis is rebuilt from $seeds random histories, whose partitions are read in any order" \
    "Redis is the fold of the record topic, after a whole rebuild and after a part"
REBUILD_SEEDS=$seeds CK_RUN_CASE=part "$BUILD/tests/embedded/test_rebuild" >"$suite_folder/part" 2>&1 &
part=$!
check "a whole rebuild of each ends in the fold of the topic" \
    env REBUILD_SEEDS="$seeds" CK_RUN_CASE=whole "$BUILD/tests/embedded/test_rebuild"
check "so does a rebuild in parts" wait "$part"
cat "$suite_folder/part"
suite_end

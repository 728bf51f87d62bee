#!/usr/bin/env bash
# A reply topic that others may write to has long replies to short commands. A dry run of them stays below its limit of
# memory, also where it shows what differs.
. "$(dirname "$0")/../lib/replay.sh" || exit 1
. "$(dirname "$0")/../lib/faults.sh" || exit 1

count=$(faults_choose 200 1000)
criterion "$count short commands with forged replies of 700 KB" "never more than 128 MiB, and each is shown"

LIVE_WORKSPACES=1
LIVE_CHECKS=5
live_begin 1
for ((number = 0; number < count; number++)); do
    printf '{"commandId":"c-%d","workspaceId":"ws-0","givenName":"A","familyName":"B","email":"c%d@example.com"}\n' "$number" "$number"
done | kcat -P -b "$kafka_address" -t "$live_name.commands" -p 0
head -c 700000 /dev/zero | tr '\0' x >"$suite_folder/long"
for ((number = 0; number < count; number++)); do
    printf '{"type":"client.created","source":{"topic":"%s","partition":0,"offset":%d},"client":{"givenName":"' \
        "$live_name.commands" "$number"
    cat "$suite_folder/long"
    printf '"}}\n'
done | kcat -P -b "$kafka_address" -t "$live_name.elsewhere" -p 0 || suite_fail "forged replies are sent"

replay_folder=$suite_folder replay_config=(--config "$live_config")
replay_run_measured --memory 224MiB --threads 2
check_equal "not all are the same" 1 "$replay_status"
check "it takes $((replay_peak / 1024)) MiB" [ "$replay_peak" -gt 0 -a "$replay_peak" -lt $((128 * 1024)) ]
check_equal "each command is shown with its value, in the order of offsets" "$(seq 0 $((count - 1)) | sed 's/$/ 700002/')" \
    "$(jq -r 'select(.position) | "\(.position | split("/") | last) \(.changes[] | select(.path == "/givenName") | .then | length + 2)"' "$replay_output")"
suite_end

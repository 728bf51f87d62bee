#!/usr/bin/env bash
# A long history is replayed: 1,000,000 commands with FAULTS=all.
. "$(dirname "$0")/../lib/replay.sh" || exit 1
. "$(dirname "$0")/../lib/faults.sh" || exit 1

count=$(faults_choose 25000 1000000)
criterion "a history of $count commands, whose definitions changed ten times, in all classes (FAULTS=all: 1,000,000)" \
    "every line is as the oracle says, the same bytes on 1, 2 and 4 threads, and never more than 256 MiB"

LIVE_CHECKS=14
live_begin 4
replay_history history "$count" --partitions 4 --workspaces 40 --seed 7
for threads in 2 1 4; do
    replay_run_measured --threads "$threads"
    check "$threads threads take $((replay_peak / 1024)) MiB, of 256" [ "$replay_peak" -gt 0 -a "$replay_peak" -lt $((256 * 1024)) ]
    [ "$threads" != 2 ] || cp "$replay_output" "$suite_folder/first"
    check "the same bytes with $threads threads" cmp -s "$replay_output" "$suite_folder/first"
done
replay_judged "the recorded definitions"
check "every class occurs: $(tail -n 1 "$replay_output" | jq -c .classes)" \
    [ "$(tail -n 1 "$replay_output" | jq '[.classes[] | select(. > 0)] | length')" -eq 6 ]

# A file for every workspace: most of the commands are not the same.
files=() words=()
for ((workspace = 0; workspace < 40; workspace++)); do
    files+=(--definitions "ws-$workspace=$replay_folder/set-$((workspace % 8)).definitions")
    words+=(--definitions-of "ws-$workspace=$replay_folder/set-$((workspace % 8)).definitions")
done
replay_run_measured "${files[@]}"
check "a large diff takes $((replay_peak / 1024)) MiB, of 256" [ "$replay_peak" -gt 0 -a "$replay_peak" -lt $((256 * 1024)) ]
replay_judged "files: $(tail -n 1 "$replay_output" | jq -c .classes)" "${words[@]}"

replay_run_measured --memory 224MiB --threads 2
check "with --memory 224MiB it takes $((replay_peak / 1024)) MiB" [ "$replay_peak" -gt 0 -a "$replay_peak" -lt $((224 * 1024)) ]
check "the same bytes with it" cmp -s "$replay_output" "$suite_folder/first"
suite_end

# memory: what a process holds, resident memory and descriptors, watched all the time. Needs tests/lib/suite.sh.
# shellcheck shell=bash

# memory_of PID ROW: a row of its status, VmRSS or VmHWM (the most since its start or since memory_peak_reset), in KiB.
memory_of() {
    sed -n "s/^$2:[[:space:]]*\([0-9]*\) kB$/\1/p" "/proc/$1/status" 2>/dev/null
}

# Resets the peak.
memory_peak_reset() {
    echo 5 >"/proc/$1/clear_refs"
}

# memory_watch PID FILE: two lines a second, "seconds KiB descriptors", until the process is gone. The pause has no
# process of its own that could outlive the suite.
memory_watch() {
    local pid=$1 file=$2
    (
        trap - EXIT
        exec {pause}<> <(:)
        while resident=$(memory_of "$pid" VmRSS) && [ -n "$resident" ]; do
            descriptors=("/proc/$pid/fd/"*)
            echo "$EPOCHREALTIME $resident ${#descriptors[@]}"
            read -rt 0.5 -u "$pause"
        done >>"$file"
    ) &
}

# memory_stays_below WHAT PID MIB: the peak is below the limit, which is printed beside it.
memory_stays_below() {
    local peak
    peak=$(memory_of "$2" VmHWM)
    if [ -n "$peak" ] && [ "$peak" -lt $(($3 * 1024)) ]; then
        suite_pass "$1: $((peak / 1024)) MiB at most, of $3"
    else
        suite_fail "$1" "$((${peak:-0} / 1024)) MiB, of $3"
    fi
}

# memory_median FILE COLUMN PART: of the samples' first or last quarter.
memory_median() {
    awk -v column="$2" '{ print $column }' "$1" \
        | awk -v part="$3" '{ sample[NR] = $1 }
            END { quarter = int((NR + 3) / 4); from = part == "first" ? 1 : NR - quarter + 1
                  for (i = from; i < from + quarter; i++) print sample[i] }' \
        | sort -n | awk '{ sample[NR] = $1 } END { print sample[int((NR + 1) / 2)] }'
}

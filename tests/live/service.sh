#!/usr/bin/env bash
# The daemon needs no root and no rights: it works as nobody, does nothing that the unit of systemd forbids, and answers
# HTTP to this machine alone. The unit itself is judged by systemd's own tools.
. "$(dirname "$0")/../lib/live.sh" || exit 1

# ---- the unit, as `make install` puts it; the prefix is a real one, so that its paths exist ----

check_unit() {
    local prefix=$suite_folder/prefix unit
    unit=$prefix/lib/systemd/system/client-intake.service
    check "make install installs the unit" make --silent install BUILD="$BUILD" PREFIX="$prefix" >"$suite_folder/install"
    check "with the path of the program" grep -qx "ExecStart=$prefix/bin/client-intake run --config .*" "$unit"
    check "it gives the daemon more time than shutdown.timeout" [ "$(sed -n 's/^TimeoutStopSec=//p' "$unit")" -gt \
        "$(awk '/^\[/ { inside = $0 == "[shutdown]" } inside && $1 == "timeout" { print $3 }' config/client-intake.ini)" ]
    if ! command -v systemd-analyze >/dev/null; then
        suite_skip 2 "systemd-analyze is not here: what systemd says of the unit is not known"
        return
    fi
    check_equal "systemd finds no fault in it" "" "$(systemd-analyze verify --man=no "$unit" 2>&1)"
    check "and its exposure is low" systemd-analyze security --offline=true --threshold=15 \
        "$unit" >"$suite_folder/open" 2>&1
}

# ---- the daemon as the user nobody, and its system calls ----

# The calls of a set, of the sets in it, and so on.
expand() {
    systemd-analyze syscall-filter "$1" | sed -n 's/^    \([^#]*\)$/\1/p' | while read -r entry; do
        case $entry in @*) expand "$entry" ;; *) echo "$entry" ;; esac
    done | sort -u
}

# The calls that the unit's filter allows: the lines in order, ~ removes.
allowed_calls() {
    local sets set
    : >"$suite_folder/allowed"
    while read -r sets; do
        for set in ${sets#\~}; do
            expand "$set" >"$suite_folder/set"
            if [[ $sets == \~* ]]; then
                comm -23 "$suite_folder/allowed" "$suite_folder/set" >"$suite_folder/allowed.new"
            else
                sort -u "$suite_folder/allowed" "$suite_folder/set" >"$suite_folder/allowed.new"
            fi
            mv "$suite_folder/allowed.new" "$suite_folder/allowed"
        done
    done < <(sed -n 's/^SystemCallFilter=//p' config/client-intake.service)
    cat "$suite_folder/allowed"
}

# Since the daemon started, without the calls of setpriv before it.
traced() {
    sed -E 's/^[0-9]+ +//' "$suite_folder/trace" | sed -n '/^execve("[^"]*client-intake", /,$p'
}

live_begin 2 --unixsocketperm 777
check_unit
chmod 755 "$suite_folder"
cp "$BUILD/client-intake" "$suite_folder/client-intake"
privileges=(setpriv --no-new-privs)
[ "$(id -u)" -ne 0 ] || privileges+=(--reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all)
trace=(strace -f -qq -o "$suite_folder/trace")
if ! "${trace[@]}" true 2>"$suite_folder/strace"; then
    suite_skip 3 "system calls cannot be traced here: $(head -n 1 "$suite_folder/strace")"
    trace=()
fi
worker_logs[one]=$suite_folder/one.log
(
    cd / && exec "${trace[@]}" "${privileges[@]}" env -i "$suite_folder/client-intake" run --config "$live_config" \
        --set kafka.producer.transactional.id="$live_name-one" --set http.listen=127.0.0.1:0
) >"${worker_logs[one]}" 2>&1 &
check "the daemon starts" eventually live_log_count one 'partitions assigned'
daemon=
for process in /proc/[0-9]*; do
    [ "$(readlink "$process/exe")" != "$suite_folder/client-intake" ] || daemon=${process#/proc/}
done
worker_pids[one]=$daemon
if [ "$(id -u)" -eq 0 ]; then
    check "as the user nobody" grep -qE '^Uid:\s+65534\s+65534\s+65534\s+65534$' "/proc/$daemon/status"
    check "with no other group" grep -qE '^Groups:\s*$' "/proc/$daemon/status"
fi
check "without a capability" grep -qE '^CapEff:\s+0+$' "/proc/$daemon/status"
check "and cannot gain one" grep -qE '^NoNewPrivs:\s+1$' "/proc/$daemon/status"
produce 0 1000
check "it replies to commands" oracle await 60
reload=$(sed -n 's/^ExecReload=//p' config/client-intake.service)
check "the unit's command for a reload runs" env MAINPID="$daemon" sh -c "$reload"
check "it reloads" eventually live_log_count one 'the config is reloaded'

http=$(sed -nE 's/.*event="http listens" address=([0-9.:]+).*/\1/p' "${worker_logs[one]}")
check "HTTP replies on the loopback address" curl -sSf -o "$suite_folder/page" "http://$http/"
check_equal "and on no other address" 000 "$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 "http://127.0.0.2:${http##*:}/livez")"
check "no memory is writable and executable" eval '! grep -E "^[^ ]+ .wx" "/proc/$daemon/maps"'
kill -TERM "$daemon"
check "it ends on SIGTERM" until_true 30 process_is_gone "$daemon"
unset 'worker_pids[one]'
check "and logs that" live_log_count one 'event=stopped'

if [ ${#trace[@]} -gt 0 ]; then
    check "the daemon's system calls were seen" [ "$(traced | wc -l)" -gt 1000 ]
    if command -v systemd-analyze >/dev/null; then
        check "the unit's filter was read" [ "$(allowed_calls | wc -l)" -gt 100 ]
        check_equal "the unit's filter allows all of its system calls" "" \
            "$(traced | sed -nE 's/^(<\.\.\. )?([a-z0-9_]+)(\(.*| resumed>.*)/\2/p' | sort -u | comm -23 - "$suite_folder/allowed")"
    fi
    check_equal "it opens no file for writing" "" \
        "$(traced | grep -E '^(open|openat|creat)\(.*(O_WRONLY|O_RDWR|O_CREAT)' | grep -v '"/dev/null"')"
    check_equal "it never makes memory that is writable executable" "" \
        "$(traced | grep -E '^(mmap|mprotect|pkey_mprotect)\(.*PROT_WRITE\|PROT_EXEC|^(mprotect|pkey_mprotect)\(.*PROT_EXEC')"
fi
live_end 60

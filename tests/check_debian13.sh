#!/usr/bin/env bash
# tests/debian13 where a clean Debian 13 cannot be made: it says why and counts what it skips. When it is ended it leaves
# no process and no mount.
. "$(dirname "$0")/lib/suite.sh" || exit 1

# outcome COMMAND ...: the reason and the counts that it ends with, without their numbers, and its exit status.
outcome() {
    local output status
    output=$(XDG_CACHE_HOME=$suite_folder/cache PATH=$suite_folder/bin:$PATH "$@" 2>/dev/null </dev/null)
    status=$?
    echo "$(grep -c '^SKIPPED: ' <<<"$output") reason, $(tail -n 1 <<<"$output" | sed -E 's/[1-9][0-9]* skipped$/some skipped/'), exit $status"
    sed -n 's/^SKIPPED: no clean Debian 13 can be made here: //p' <<<"$output" >"$suite_folder/reason"
}
skipped='1 reason, 0 passed, 0 failed, some skipped, exit 0'

# stub NAME COMMAND: a program that stands in front of the real one.
stub() {
    mkdir -p "$suite_folder/bin"
    printf '#!/bin/sh\n%s\n' "$2" >"$suite_folder/bin/$1"
    chmod +x "$suite_folder/bin/$1"
}

# A process of ours that is in the making of the root.
makes() {
    runs_command sleep "1000.$$"
}

suite_begin
if [ "$(. /etc/os-release && echo "${ID:-}${VERSION_ID:-}")" = debian13 ]; then
    check_equal "on Debian 13 it has nothing to do" "0 reason, 0 passed, 0 failed, exit 0" "$(outcome tests/debian13)"
    suite_end
fi
if [ "$(id -u)" -ne 0 ]; then
    check_equal "who is not root is told what is skipped" "$skipped" "$(outcome tests/debian13)"
    suite_end
fi
if ! unshare --mount --pid --fork --kill-child mount -t tmpfs none /mnt 2>"$suite_folder/mounts"; then
    check_equal "where nothing may be mounted it is told what is skipped" "$skipped" "$(outcome tests/debian13)"
    suite_end
fi

stub debootstrap 'exit 1'
check_equal "it is told what a debootstrap that fails skips" "$skipped" "$(outcome tests/debian13)"
check "and where its output is" grep -q "see the end of $suite_folder/cache/" "$suite_folder/reason"
check_equal "the same without the right to mount" "$skipped" \
    "$(outcome setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin tests/debian13)"
check_equal "with the reason" "it may not mount" "$(cat "$suite_folder/reason")"
stub apt-get 'exit 0'
check_equal "the same without a mirror" "$skipped" "$(outcome tests/debian13)"
check_equal "with the reason" "apt has no mirror of Debian" "$(cat "$suite_folder/reason")"
stub id 'echo 1000'
check_equal "the same without root" "$skipped" "$(outcome tests/debian13)"
check_equal "with the reason" "it needs root" "$(cat "$suite_folder/reason")"
rm "$suite_folder/bin/id" "$suite_folder/bin/apt-get"

# A mount where the root is made, and a process that takes long.
stub debootstrap "for target; do case \$target in *.part) break ;; esac; done
mkdir -p \"\$target\" && mount -t tmpfs none \"\$target\" && touch \"$suite_folder/mounted\" && sleep 1000.$$"
for signal in TERM KILL; do
    rm -f "$suite_folder/mounted"
    XDG_CACHE_HOME=$suite_folder/cache PATH=$suite_folder/bin:$PATH tests/debian13 >"$suite_folder/said" 2>&1 &
    making=$!
    check "a clean root is being made" eventually makes
    check "with something mounted" [ -e "$suite_folder/mounted" ]
    kill "-$signal" "$making"
    wait "$making" 2>/dev/null
    check "after SIG$signal none of its processes is left" eventually eval '! makes'
    check "nor a mount" eval '! grep -q "$suite_folder" /proc/mounts'
done
suite_end

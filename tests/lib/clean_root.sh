# clean_root: clean Debians in folders, and commands in them. Source it by its path in the top of the repository. It needs
# root. debootstrap makes the folders, from the mirror that apt is configured with; they are kept in
# ~/.cache/client-intake for later runs, which only read them or work on copies.
#
# Mounts and processes are in namespaces of their own: a script calls itself with clean_root_isolated, and its stage,
# which clean_root_stage runs, makes mounts and enters a root with clean_root_in.
# shellcheck shell=bash

clean_root_cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/client-intake
clean_root_make_seconds=900

# What the machine's network needs: proxies and options of Maven. CI as the tests may ask.
clean_root_environment() {
    local name
    for name in $(compgen -e | grep -iE '_proxy$|^MAVEN_|^CI$'); do echo "$name=${!name}"; done
}

# clean_root_in ROOT COMMAND [ARGUMENT ...]
clean_root_in() {
    local root=$1 environment
    shift
    mapfile -t environment < <(clean_root_environment)
    chroot "$root" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive ${environment[@]+"${environment[@]}"} "$@" </dev/null
}

# ---- inside the namespaces ----

# clean_root_mount ROOT: what it has of this machine.
clean_root_mount() {
    mount -t proc proc "$1/proc" && mount --rbind /sys "$1/sys" && mount --rbind /dev "$1/dev" \
        && mount --bind /etc/hosts "$1/etc/hosts" && mount --bind /etc/resolv.conf "$1/etc/resolv.conf"
}

# clean_root_make ROOT MIRROR RELEASE: the smallest Debian, with the lists of its packages; 69 if it cannot be had.
clean_root_make() {
    local root=$1 mirror=$2 release=$3 file
    timeout "$clean_root_make_seconds" debootstrap --variant=minbase --include=ca-certificates "$release" "$root" "$mirror" || return 69
    echo "deb $mirror $release main" >"$root/etc/apt/sources.list"
    # What packages of this machine put there does not belong into the root.
    for file in /etc/apt/apt.conf.d/*; do
        dpkg-query --search "$file" >/dev/null 2>&1 || cp -a "$file" "$root/etc/apt/apt.conf.d/" || return 69
    done
    truncate -s 0 "$root/etc/resolv.conf" "$root/etc/hosts"
    clean_root_mount "$root" || return 69
    if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
        cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" || return 69
        clean_root_in "$root" update-ca-certificates || return 69
    fi
    clean_root_in "$root" apt-get update -qq || return 69
}

# clean_root_stage COMMAND [ARGUMENT ...]: the first process of its namespace: the others end with it, and with a signal it
# ends at once.
clean_root_stage() {
    trap 'exit 1' INT TERM HUP
    "$@" &
    wait $!
}

# ---- outside ----

clean_root_pid=

# clean_root_isolated SCRIPT STAGE [ARGUMENT ...]: in namespaces of its own; they end with the caller, even if that is killed.
clean_root_isolated() {
    local status
    setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child bash "$@" &
    clean_root_pid=$!
    wait "$clean_root_pid"
    status=$?
    clean_root_pid=
    return "$status"
}

# For a script that ends. SIGKILL to the first process of the namespace: unshare has waited for all of them when it ends.
clean_root_stop() {
    [ -n "$clean_root_pid" ] || return 0
    # shellcheck disable=SC2046 # one word per child
    kill -KILL $(cat "/proc/$clean_root_pid/task/$clean_root_pid/children" 2>/dev/null) "$clean_root_pid" 2>/dev/null
    wait "$clean_root_pid" 2>/dev/null
}

# The main archive among the sources of apt.
clean_root_mirror() {
    apt-get indextargets --format '$(REPO_URI) $(SITE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null \
        | awk '$3 == "main" && $1 !~ /security/ { sub(/\/$/, "", $1); print $1; exit }'
}

# Prints why no root can be used here; nothing if one can.
clean_root_obstacle() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "it needs root"
    elif ! unshare --mount --pid --fork --kill-child mount -t tmpfs none /mnt; then
        echo "it may not mount"
    fi
}

# clean_root_key FILE ...: another text of these files, or other authorities of this machine, make another root.
clean_root_key() {
    {
        cat tests/lib/clean_root.sh "$@"
        find /usr/local/share/ca-certificates -name '*.crt' -print0 2>/dev/null | sort -z | xargs -0 -r cat
    } | sha256sum | cut -c 1-12
}

# clean_root_have NAME KEY SCRIPT STAGE [ARGUMENT ...]: sets clean_root to the folder of that name and key. If it is not
# there, the stage makes it, in namespaces, with the arguments FOLDER MIRROR ARGUMENT .... Nobody removes it while this
# script runs. Returns the stage's status; 69 if a root cannot be had, with the reason in clean_root_reason.
clean_root_have() {
    local name=$1 key=$2 script=$3 stage=$4 lock mirror other status
    shift 4
    clean_root=$clean_root_cache/$name-$key
    clean_root_reason="no folder $clean_root_cache"
    mkdir -p "$clean_root_cache" || return 69
    exec {lock}>"$clean_root.lock"
    # One that is there is only read. A process that runs tests inside a root holds its lock, which those tests may see.
    flock --shared "$lock"
    [ -d "$clean_root" ] || flock --exclusive "$lock"
    if [ ! -d "$clean_root" ]; then
        clean_root_reason="there is no debootstrap"
        tests/install-packages debian13 2>&1 || return 69
        clean_root_reason="apt has no mirror of Debian"
        mirror=$(clean_root_mirror)
        [ -n "$mirror" ] || return 69
        # Roots of earlier keys that nobody uses.
        for other in "$clean_root_cache/$name"-*.lock; do
            [ "$other" != "$clean_root.lock" ] || continue
            flock --exclusive --nonblock "$other" rm -rf --one-file-system "${other%.lock}" "${other%.lock}.part" "${other%.lock}.log" "$other"
        done
        echo "making a clean Debian: $name"
        rm -rf --one-file-system "$clean_root.part"
        clean_root_isolated "$script" "$stage" "$clean_root.part" "$mirror" "$@" >"$clean_root.log" 2>&1
        status=$?
        clean_root_reason="see the end of $clean_root.log"
        if [ "$status" -ne 0 ]; then
            tail -n 20 "$clean_root.log" | sed 's/^/    /'
            return "$status"
        fi
        mv "$clean_root.part" "$clean_root" || return 1
    fi
    flock --shared "$lock"
}

#!/usr/bin/env bash
# The Debian package that `make deb` builds: lintian judges it, and it is installed, started, updated, removed and purged in
# a copy of a clean Debian, the release of which is that of this machine. (tests/debian13 runs this suite in Debian 13.)
. "$(dirname "$0")/lib/suite.sh" || exit 1
# shellcheck source=tests/lib/clean_root.sh
. tests/lib/clean_root.sh
self=$PWD/tests/check_package.sh

# ---- inside the namespaces ----

# in_root COMMAND [ARGUMENT ...]
in_root() {
    clean_root_in "$root" "$@"
}

apt() {
    in_root apt-get -qq --yes --no-install-recommends -o APT::Sandbox::User=root -o Dpkg::Options::=--force-unsafe-io \
        -o Dpkg::Use-Pty=0 -o Dir::Cache::Archives=/package/archives/ -o APT::Keep-Downloaded-Packages=true "$@"
}

# Every file but for those of apt's and dpkg's records, and of the kernel.
files() {
    (cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./var/lib/apt \
        -o -path ./var/cache -o -path ./var/log -o -path ./var/lib/dpkg -o -path ./package \) -prune -o -print | sort)
    in_root dpkg-query --show --showformat '${Package} ${db:Status-Status}\n' | sort
}

# What was asked of the services since the last call, without the questions about their state.
asked() {
    grep -h client-intake "$root/package/asked" | xargs
    : >"$root/package/asked"
}

# prepare_root: as if systemd ran; a policy writes down what packages ask of services, and allows nothing.
prepare_root() {
    printf '#!/bin/sh\necho "$*" >>/package/asked\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    printf '#!/bin/sh\nexit 0\n' >"$root/usr/bin/systemctl"
    chmod 755 "$root/usr/sbin/policy-rc.d" "$root/usr/bin/systemctl"
    mkdir -p "$root/run/systemd/system"
    : >"$root/package/asked"
}

# exit_of COMMAND [ARGUMENT ...]: its exit status; its output goes to /package/output of the root.
exit_of() {
    in_root "$@" >"$root/package/output" 2>&1
    echo "$?"
}

unit=etc/systemd/system/multi-user.target.wants/client-intake.service

check_installed() {
    check "it installs with what it depends on" apt install /package/first.deb
    check_equal "nothing asks to start it" "" "$(asked)"
    check "it is not enabled" [ ! -e "$root/$unit" ]
    check_equal "it tells its version" "client-intake $version" "$(in_root client-intake --version | head -n 1)"
    check_equal "the shipped config is valid" 0 "$(exit_of client-intake check --offline --config /etc/client-intake/client-intake.ini)"
    check_equal "there is no server" 69 \
        "$(exit_of timeout 120 client-intake check --config /etc/client-intake/client-intake.ini --set kafka.bootstrap.servers=127.0.0.1:1 --set redis.address=127.0.0.1:1)"
    check_equal "another one is not" 78 "$(exit_of client-intake check --config /etc/client-intake/client-intake.ini --set http.listen=x)"
    echo '{"commandId": "1", "workspaceId": "acme", "email": "ada@example.com", "givenName": "Ada", "familyName": "Lovelace"}' >"$root/package/command"
    exit_of client-intake validate --definitions /usr/share/client-intake/demo/definitions.json /package/command >/dev/null
    check "it validates a command" grep -q '"commandId": *"1"' "$root/package/output"
    check_equal "the demo is there; it lacks a Redis" 69 "$(cd / && exit_of sh -c 'cd / && timeout 60 client-intake demo')"
    check "which it tells" grep -q redis-server "$root/package/output"
    check_equal "bash completes with it" "validate" \
        "$(in_root bash -c '. /usr/share/bash-completion/completions/client-intake; COMP_WORDS=(client-intake val); COMP_CWORD=1; _client_intake; echo "${COMPREPLY[*]}"')"
    check_started
}

# As the user that is nobody, which has no rights; it waits for its servers, and ends when it is told to.
check_started() {
    local started
    in_root setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs sh -c 'client-intake run "$@" & echo "$!" >&3; wait "$!"' sh \
        --config /etc/client-intake/client-intake.ini --set kafka.bootstrap.servers=127.0.0.1:1 --set redis.address=127.0.0.1:1 \
        --set http.listen=127.0.0.1:0 >"$root/package/log" 2>&1 3>"$root/package/pid" &
    started=$!
    check "the daemon starts" eventually grep -q 'event="http listens"' "$root/package/log"
    kill -TERM "$(cat "$root/package/pid")"
    wait "$started"
    check_equal "it ends when it is told to" 0 "$?"
}

check_updated() {
    echo "# edited" >>"$root/etc/client-intake/client-intake.ini"
    in_root ln -s /usr/lib/systemd/system/client-intake.service "/$unit"
    check "it installs again" in_root dpkg --install /package/first.deb
    check_equal "the edited config stays" "# edited" "$(tail -n 1 "$root/etc/client-intake/client-intake.ini")"
    check_equal "a service that runs is restarted" "client-intake.service try-restart" "$(asked)"
    check "an update with another config installs" in_root dpkg --force-confold --install /package/second.deb
    check_equal "the edited config stays then, too" "# edited" "$(tail -n 1 "$root/etc/client-intake/client-intake.ini")"
    check "with the other one beside it" [ -e "$root/etc/client-intake/client-intake.ini.dpkg-dist" ]
    check_equal "the service is restarted, and not stopped before" "client-intake.service try-restart" "$(asked)"
}

check_removed() {
    check "it is removed" in_root dpkg --remove client-intake
    check_equal "the service is stopped" "client-intake.service stop" "$(asked)"
    check "the program is gone" [ ! -e "$root/usr/bin/client-intake" ]
    check "the config stays" [ -e "$root/etc/client-intake/client-intake.ini" ]
    check "it is purged, with what it depended on" apt -o APT::AutoRemove::RecommendsImportant=false \
        -o APT::AutoRemove::SuggestsImportant=false autoremove --purge client-intake
    check_equal "nothing is left behind" "" "$(files | diff "$root/package/before" -)"
}

# try_package CLEAN FOLDER VERSION: FOLDER/package has first.deb and a later one. The clean root is only read: what changes
# is in FOLDER, in an overlay, or in a copy where there are none.
try_package() {
    local clean=$1 folder=$2
    root=$folder/root version=$3
    suite_begin
    mkdir -p "$root" "$folder/upper" "$folder/work"
    mount -t overlay overlay -o "lowerdir=$clean,upperdir=$folder/upper,workdir=$folder/work" "$root" 2>"$folder/overlay" \
        || cp -a "$clean/." "$root" || exit 1
    mkdir "$root/package"
    clean_root_mount "$root" && mount --bind "$folder/package" "$root/package" || exit 1
    prepare_root
    files >"$root/package/before"
    # The lists of the root may name packages that the mirror has no more.
    apt --download-only install /package/first.deb >"$root/package/output" 2>&1 || apt update
    check_installed
    check_updated
    check_removed
    suite_end
}

case ${1:-} in
    --make-small) shift; clean_root_stage clean_root_make "$@"; exit ;;
    --try-package) shift; clean_root_stage try_package "$@"; exit ;;
esac

# ---- outside ----

suite_begin
suite_clean_more() {
    clean_root_stop
}

# later_package FIRST: one of a higher version, with another config.
later_package() {
    local folder=$suite_folder/later
    dpkg-deb --raw-extract "$1" "$folder"
    sed -i 's/^Version: .*/&+later/' "$folder/DEBIAN/control"
    sed -i 's/^threads = 1$/threads = 2/' "$folder/etc/client-intake/client-intake.ini"
    dpkg-deb --root-owner-group --build "$folder" "$suite_folder/second.deb" >/dev/null
}

release=$(. /etc/os-release && echo "${ID:-}${VERSION_ID:-}")
if ! [[ $release =~ ^debian[0-9]+$ ]] || ! command -v dpkg-shlibdeps >/dev/null; then
    suite_skip 30 "this is no Debian that has the tools of dpkg"
    suite_end
fi
package=$(make --silent deb BUILD="$BUILD" 2>"$suite_folder/making" | tail -n 1)
if ! [ -f "$package" ]; then
    suite_fail "make deb builds a package" "$(tail -n 5 "$suite_folder/making")"
    suite_end
fi
suite_pass "make deb builds a package"
version=$("$BUILD/client-intake" --version | sed -n '1s/^client-intake //p')
check_equal "it has the program's version, and that of this Debian" "$version-1~deb${release#debian}" "$(dpkg-deb --field "$package" Version)"
dpkg-deb --extract "$package" "$suite_folder/content"
content_unit=$suite_folder/content/usr/lib/systemd/system/client-intake.service
check_equal "its unit runs the program" "/usr/bin/client-intake" "$(sed -n 's/^ExecStart=\([^ ]*\) .*/\1/p' "$content_unit")"
if command -v systemd-analyze >/dev/null; then
    sed -i "s|^ExecStart=|&$suite_folder/content|" "$content_unit"
    check_equal "systemd finds no fault in it" "" "$(systemd-analyze verify --man=no "$content_unit" 2>&1)"
else
    suite_skip 1 "systemd-analyze is not here: what systemd says of the unit is not known"
fi

tests/install-packages package >"$suite_folder/installing" 2>&1
# It judges while the package is tried.
lintian_pid=
if command -v lintian >/dev/null; then
    lintian --allow-root --no-cfg --fail-on error,warning "$package" >"$suite_folder/lintian" 2>&1 &
    lintian_pid=$!
else
    suite_skip 1 "lintian cannot be had: $(tail -n 1 "$suite_folder/installing")"
fi
lintian_end() {
    [ -n "$lintian_pid" ] || return 0
    wait "$lintian_pid"
    check_equal "lintian finds no fault" "0 " "$? $(cat "$suite_folder/lintian")"
}

skip_root() {
    lintian_end
    suite_skip 25 "no clean ${release^} can be made here: $*"
    suite_end
}
obstacle=$(clean_root_obstacle 2>&1)
[ -z "$obstacle" ] || skip_root "$obstacle"
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
clean_root_have "small-$release" "$(clean_root_key)" "$self" --make-small "$codename" || skip_root "$clean_root_reason"
mkdir -p "$suite_folder/package/archives/partial" "$clean_root_cache/archives-$release"
cp -a "$clean_root_cache/archives-$release/." "$suite_folder/package/archives/"
later_package "$package"
cp "$package" "$suite_folder/package/first.deb"
cp "$suite_folder/second.deb" "$suite_folder/package/second.deb"
check_counts "${release^}" clean_root_isolated "$self" --try-package "$clean_root" "$suite_folder" "$version"
cp -a "$suite_folder/package/archives/." "$clean_root_cache/archives-$release/"
lintian_end
suite_end

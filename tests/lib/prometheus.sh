# prometheus: Debian's Prometheus and promtool for suites. The package is only unpacked: its installation would start a
# server.
# shellcheck shell=bash

# Sets `prometheus` and `promtool`; 1, with the reason in `prometheus_missing`, where they cannot be had. An installed
# Prometheus is taken as it is.
prometheus_find() {
    local folder
    prometheus=$(command -v prometheus) promtool=$(command -v promtool)
    [ -z "$prometheus" ] || [ -z "$promtool" ] || return 0
    folder=$PWD/build/prometheus
    prometheus=$folder/usr/bin/prometheus promtool=$folder/usr/bin/promtool
    mkdir -p "$folder"
    exec 8>"$folder/lock"
    flock 8
    [ -e "$folder/complete" ] || prometheus_unpack "$folder" >"$folder/log" 2>&1
    exec 8>&-
    prometheus_missing="no Prometheus here: $(tail -n 1 "$folder/log" 2>/dev/null)"
    [ -e "$folder/complete" ]
}

# The download needs apt's lists of packages, which another one may have brought already.
prometheus_unpack() {
    (
        cd "$1" || exit 1
        apt-get download prometheus || { apt-get update && apt-get download prometheus; } || exit 1
        dpkg-deb --fsys-tarfile prometheus_*.deb | tar --extract ./usr/bin && usr/bin/promtool --version && rm prometheus_*.deb \
            && touch complete
    )
}

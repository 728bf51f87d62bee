# port: where a test may listen.
# shellcheck shell=bash

# A port on 127.0.0.1 without a listener, below the range from which the kernel takes those of outgoing connections. Suites
# that run at the same time, and calls of one suite, get different ones: each is reserved for an hour.
free_port() {
    local port reserved=${TMPDIR:-/tmp}/client-intake-ports-$UID
    mkdir -p "$reserved"
    while true; do
        port=$((RANDOM % 12000 + 20000))
        [ -z "$(find "$reserved/$port" -maxdepth 0 -mmin +60 2>/dev/null)" ] || rmdir "$reserved/$port" 2>/dev/null
        mkdir "$reserved/$port" 2>/dev/null || continue
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

# port: where a test may listen.
# shellcheck shell=bash

# A port on 127.0.0.1 without a listener, below the range from which the kernel takes those of outgoing connections.
free_port() {
    local port
    while port=$((RANDOM % 12000 + 20000)); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

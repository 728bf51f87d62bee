#!/usr/bin/env bash
# TLS to Redis: answered commands, what is told of a certificate that is not as it should be, that the daemon waits
# meanwhile. Where hiredis has no TLS: that the config says so.
. "$(dirname "$0")/../lib/live.sh" || exit 1
. tests/lib/certificates.sh

# First, since it needs neither Kafka nor Redis.
without_tls() {
    [[ $("${BUILD:-build}/client-intake" check --set redis.tls=on 2>&1) == *"is built with hiredis "*", without TLS"* ]]
}
if without_tls; then
    suite_begin
    "$BUILD/client-intake" run --set redis.tls=on >"$suite_folder/said" 2>&1
    check_equal "redis.tls = on ends with 78 where hiredis has no TLS" 78 $?
    check "and with the reason" grep -q '^--set: redis.tls = on is not possible: ' "$suite_folder/said"
    REQUIRE_KAFKA= suite_skip "$LIVE_CHECKS" "hiredis has no TLS here: nothing of it could be tried but the refusal"
    suite_end
fi

# Redis requires our certificate, too. It also listens on its socket, which the oracle uses.
# redis_listen CERTIFICATE: starts it, or starts it again over its data.
redis_listen() {
    redis_start --appendonly yes --appendfsync always --tls-port "$redis_port" --bind 127.0.0.1 \
        --tls-cert-file "$certificates/$1.pem" --tls-key-file "$certificates/$1.key" \
        --tls-ca-cert-file "$certificates/authority.pem" --tls-auth-clients yes --requirepass ''
}

live_before_kafka() {
    certificates_make
    redis_port=$(free_port)
}
live_begin 4 --appendonly yes
redis_kill
redis_listen here || suite_end
sed -i "s|^address = unix:.*|address = localhost:$redis_port\ntls = on\ntls_ca = $certificates/authority.pem\n\
tls_certificate = $certificates/client.pem\ntls_key = $certificates/client.key|" "$live_config"

# told WHAT TEXT OPTION ...: check must end with 69 and print this text about Redis.
told() {
    live_intake check "${@:3}" >"$suite_folder/said" 2>&1
    check_equal "$1: check ends with 69" 69 $?
    check "$1: it says \"$2\"" grep -qE "^redis   [a-z0-9.]+:$redis_port: $2" "$suite_folder/said"
    [ "$suite_failed" -eq 0 ] || cat "$suite_folder/said"
}
live_intake check >"$suite_folder/said" 2>&1
check_equal "check succeeds" 0 $?
told "a stranger's certificate" "TLS: the server's certificate: (self-signed|unable to get)" --set "redis.tls_ca=$certificates/stranger.pem"
told "the system's authorities" "TLS: the server's certificate: (self-signed|unable to get)" --set redis.tls_ca=
told "a file that is not there" 'redis.tls_ca: ' --set "redis.tls_ca=$certificates/missing.pem"
told "another name" "TLS: the server's certificate: hostname mismatch" --set redis.tls_name=elsewhere.example
told "another address" "TLS: the server's certificate: IP address mismatch" --set redis.tls_name=127.0.0.2
told "no certificate of ours" 'TLS: refused by the server after the handshake, perhaps for want of a redis.tls_certificate: ' --set redis.tls_certificate= --set redis.tls_key=
told "a key that does not fit" 'redis.tls_key: ' --set "redis.tls_key=$certificates/stranger.key"
told "a key with a pass phrase" 'redis.tls_key: ' --set "redis.tls_key=$certificates/client-locked.key"
told "no TLS" '(PING: )?(Server closed the connection|Connection reset by peer)' --set redis.tls=off --set redis.tls_ca= --set redis.tls_certificate= --set redis.tls_key=
check "another form of the address is accepted" live_intake check --set "redis.address=127.0.0.1:$redis_port"
# A Sentinel with TLS, which requires our certificate, too. The same keys hold for it and for the master that it names.
sentinel_port=$(free_port)
cat >"$suite_folder/sentinel.conf" <<EOF
port 0
tls-port $sentinel_port
bind 127.0.0.1
dir $suite_folder
tls-replication yes
tls-cert-file $certificates/here.pem
tls-key-file $certificates/here.key
tls-ca-cert-file $certificates/authority.pem
tls-auth-clients yes
sentinel monitor clients 127.0.0.1 $redis_port 1
EOF
redis-server "$suite_folder/sentinel.conf" --sentinel >"$suite_folder/sentinel.log" 2>&1 &
sentinel=(--set redis.kind=sentinel --set redis.master=clients --set "redis.address=localhost:$sentinel_port")
through_sentinel() {
    live_intake check "${sentinel[@]}" "$@" >"$suite_folder/said" 2>&1
}
check "a Sentinel with TLS names the master, which has TLS" eventually through_sentinel
check "check tells it" grep -q "^redis   ok: 127.0.0.1:$redis_port, .*the master clients by 1 of 1 Sentinels" "$suite_folder/said"
through_sentinel --set redis.tls_name=elsewhere.example
check_equal "another name: check ends with 69" 69 $?
check "another name: it is the Sentinel's" \
    grep -q "^redis   clients: no Sentinel answers: localhost:$sentinel_port: TLS: the server's certificate: hostname mismatch" "$suite_folder/said"
through_sentinel --set redis.tls=off --set redis.tls_ca= --set redis.tls_certificate= --set redis.tls_key=
check_equal "no TLS to the Sentinel: check ends with 69" 69 $?

check "definitions are put" live_intake definitions put ws-0 tests/live/definitions.json
check "get prints the definitions" cmp -s tests/live/definitions.json <(live_intake definitions get ws-0)
check "definitions are listed" eval '[ "$(live_intake definitions list | grep -c "^ws-")" -ge '"$LIVE_WORKSPACES"' ]'

http=127.0.0.1:$(free_port)
worker_start one --set batch.commands=1000 --set "http.listen=$http"
produce 0 6000
check "commands get replies" oracle await 60
check_equal "definitions are watched" 0 "$(live_log_count one 'changes of definitions are not announced')"
ready() {
    [ "$(curl -s "http://$http/readyz")" = '{"ready":true}' ]
}
check "the daemon is ready" eventually ready

# A workspace of its own, so that those of the other commands keep the definitions that the oracle compares with.
# command_of WORKSPACE NUMBER: sends one command; outcome_of COMMAND_ID: prints the type of its reply and the code of its error.
command_of() {
    kcat -b "$kafka_address" -P -t "$live_name.commands" <<<"{\"commandId\":\"of-$1-$2\",\"workspaceId\":\"$1\",\"givenName\":\"A\",\
\"familyName\":\"B\",\"email\":\"$2@$1.example\",\"customFields\":{\"pronouns\":\"they\"}}" || suite_fail "a command of $1 was sent"
    live_sent=$((live_sent + 1))
}
outcome_of() {
    kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$live_name.replies" -e -q -X isolation.level=read_committed -f '%s\n' \
        | jq -r --arg id "$1" 'select(.commandId == $id) | [.type, (.error.code // empty)] | join(" ")'
}
redis_ask -x SET 'custom-fields:{changing}' <tests/live/definitions.json >/dev/null
command_of changing 1
check "a command of the workspace gets a reply before the change" oracle await 60
check_equal "with its definitions" client.created "$(outcome_of of-changing-1)"

# More keys in one announcement than hiredis reads at once: none may stay in the TLS layer, where poll does not see them.
news() {
    seq 1 3000 | sed 's/.*/SET custom-fields:{elsewhere-with-a-long-name-&} x/'
}
news | redis_ask --pipe >/dev/null
invalidated() {
    curl -s "http://$http/metrics" | awk '/^client_intake_definitions_cache_total\{event="invalidated"\}/ { print $2 }'
}
before=$(invalidated)
redis_ask DEL 'custom-fields:{changing}' >/dev/null
command_of changing 2
produce 6000 2000
check "commands after many changes get replies" oracle await 60
check_equal "the daemon knows the change" "client.rejected definitions_missing" "$(outcome_of of-changing-2)"
check "and the daemon has counted it" eval '[ "$(invalidated)" -gt "$before" ]'
redis_ask --scan --pattern 'custom-fields:{elsewhere*' | sed 's/^/DEL /' | redis_ask --pipe >/dev/null

# Redis restarts with an expired certificate, and then with a good one.
redis_kill
redis_listen expired
produce 8000 2000
told "an expired certificate" "TLS: the server's certificate: certificate has expired"
sleep 3
check "the daemon waits" process_runs "${worker_pids[one]}"
check_equal "it logs that once" 1 "$(live_log_count one 'Redis is away')"
redis_kill
redis_listen here
check "it continues" oracle await 60
live_end 60

#!/usr/bin/env bash
# A broker that wants TLS, and a password or a client certificate: what works, what is told when something is wrong, that
# the daemon waits meanwhile, and that nothing that is secret is ever printed.
. "$(dirname "$0")/../lib/live.sh" || exit 1
. tests/lib/certificates.sh
. tests/lib/kafka_security.sh

redis_password='redis-Secret+3/$z' wrong_password='wrong-Secret+4/$w'

live_before_kafka() {
    if [ -n "${KAFKA_BOOTSTRAP_SERVERS:-}" ]; then
        REQUIRE_KAFKA= suite_skip "$LIVE_CHECKS" "KAFKA_BOOTSTRAP_SERVERS names a broker whose users are not ours to make"
        return 1
    fi
    kafka_security
}
live_begin 4 --appendonly yes
plain_config=$suite_folder/plain.ini
cp "$live_config" "$plain_config"
kafka_secure_config "$live_config"
# The oracle connects as the default user, the program as a user with a password.
redis_ask ACL SETUSER intake on ">$redis_password" '~*' '&*' +@all >/dev/null
sed -i "s|^address = unix:.*|&\nusername = intake\npassword = \${REDIS_SECRET}|" "$live_config"
export REDIS_SECRET=$redis_password
http=127.0.0.1:$(free_port)
said=$suite_folder/said # all that was printed
mkdir "$said"

holds() {
    [[ $(cat "$said/$1") == *"$2"* ]]
}

# ---- connections that work ----

check "topics are created over SASL_SSL" live_intake topics create --set "replies.topic=$live_name.more"
check "definitions are put over SASL_SSL" live_intake definitions put ws-0 tests/live/definitions.json
live_intake check --set kafka.debug=all --set log.level=debug >"$said/ok" 2>&1
check_equal "check succeeds over SASL_SSL" 0 $?

mutual=(--config "$plain_config" --set "kafka.bootstrap.servers=$(kafka_listener MUTUAL)" --set kafka.security.protocol=SSL
    --set "kafka.ssl.ca.location=$certificates/authority.pem")
certificate=(--set "kafka.ssl.certificate.location=$certificates/client.pem"
    --set "kafka.ssl.key.location=$certificates/client-locked.key")
"$BUILD/client-intake" check "${mutual[@]}" "${certificate[@]}" --set kafka.debug=all --set log.level=debug \
    --set "kafka.ssl.key.password=\${file:$certificates/key-password}" >"$said/mutual" 2>&1
check_equal "check succeeds with a client certificate, its key locked" 0 $?

# ---- messages; each check of an unreachable broker takes ten seconds, so all run at once ----

# fault NAME TEXT OPTION ...: check must print this text and end with 69.
fault_names=() fault_texts=() fault_pids=()
fault() {
    fault_names+=("$1")
    fault_texts+=("$2")
    "$BUILD/client-intake" check "${@:3}" >"$said/$1" 2>&1 &
    fault_pids+=("$!")
}
here=(--config "$live_config")
fault wrong-password 'Authentication failed' "${here[@]}" --set "kafka.sasl.password=$wrong_password" --set kafka.debug=all \
    --set log.level=debug
WRONG=$wrong_password fault wrong-user 'Authentication failed' "${here[@]}" --set kafka.sasl.username=nobody \
    --set 'kafka.sasl.password=${WRONG}'
fault wrong-authority 'its authority is not in ssl.ca.location' "${here[@]}" \
    --set "kafka.ssl.ca.location=$certificates/stranger.pem"
fault expired 'it has expired' "${here[@]}" --set "kafka.bootstrap.servers=$(kafka_listener EXPIRED)"
fault elsewhere 'it is made for another' "${here[@]}" --set "kafka.bootstrap.servers=$(kafka_listener ELSEWHERE)"
fault missing-authority 'No such file' "${here[@]}" --set "kafka.ssl.ca.location=$certificates/missing.pem"
fault no-tls 'security.protocol' --config "$plain_config" --set "kafka.bootstrap.servers=$(kafka_listener SECURE)"
fault no-certificate 'certificate' "${mutual[@]}"
fault wrong-key-password 'ssl.key.location failed' "${mutual[@]}" "${certificate[@]}" \
    --set "kafka.ssl.key.password=$wrong_password"
kafka_scram_works || fault scram 'cannot log in by SCRAM to Kafka 4.0' "${here[@]}" --set kafka.sasl.mechanism=SCRAM-SHA-512
fault redis-password 'redis   unix:'"$redis_socket"': AUTH: WRONGPASS' "${here[@]}" --set "redis.password=$wrong_password"
# The daemon meets the wrong password meanwhile.
logged() {
    [ "$(live_log_count one "$1")" -ge "${2:-1}" ]
}
worker_start one --set "kafka.sasl.password=$wrong_password" --set log.level=debug --set kafka.debug=security,broker
produce 0 2000
check "a daemon logs a wrong password" eventually logged 'level=warning .*Authentication failed'
refused_at=$EPOCHSECONDS

for number in "${!fault_names[@]}"; do
    wait "${fault_pids[number]}"
    check_equal "${fault_names[number]}: check ends with 69" 69 $?
    check "${fault_names[number]}: it says \"${fault_texts[number]}\"" holds "${fault_names[number]}" "${fault_texts[number]}"
done
if kafka_scram_works; then
    echo "the password was sent by SCRAM-SHA-512"
else
    REQUIRE_KAFKA= suite_skip 1 "librdkafka is older than 2.6.1 and cannot log in by SCRAM to this Kafka: PLAIN was used"
fi

# ---- the daemon ----

until [ $((EPOCHSECONDS - refused_at)) -gt 3 ]; do sleep 0.5; done
check "a daemon that was refused waits" process_runs "${worker_pids[one]}"
worker_stop one
check_equal "there were no replies meanwhile" "0" "$(oracle count | sed -nE 's/.*[^0-9]([0-9]+) replies.*/\1/p')"

# Files that are mounted later.
worker_start two --set "kafka.producer.ssl.ca.location=$certificates/late.pem"
worker_start one --set "kafka.ssl.ca.location=$certificates/late.pem"
check "a daemon logs that its file of authorities is missing" eventually logged 'level=warning .*ssl.ca.location failed'
sleep 3
check_equal "once" 1 "$(live_log_count one 'ssl.ca.location failed')"
check_equal "so does a daemon where only the producer lacks it" 1 "$(live_log_count two 'event="producer failing".*ssl.ca.location failed')"
cp "$certificates/authority.pem" "$certificates/late.pem"
check "and replies when the file is there" oracle await 60
worker_stop one
worker_stop two

worker_start one --set "http.listen=$http" --set log.level=debug --set kafka.debug=security,conf
"$BUILD/client-intake" run "${mutual[@]}" "${certificate[@]}" --set "kafka.ssl.key.password=\${file:$certificates/key-password}" \
    --set "kafka.producer.transactional.id=$live_name-two" >"$suite_folder/two.log" 2>&1 &
worker_pids[two]=$! worker_logs[two]=$suite_folder/two.log
check "both daemons get partitions" eventually eval 'live_log_count one "partitions assigned" && live_log_count two "partitions assigned"'
produce 2000 3000
check "two daemons, one with a password and one with a client certificate, reply" oracle await 60
for page in / /livez /readyz /metrics /version; do
    curl -sS "http://$http$page" >>"$said/http" || suite_fail "GET $page"
done
check "the daemon's pages were read" grep -q client_intake_kafka_up "$said/http"

# The broker restarts with an expired certificate, and then with a good one.
worker_stop two
tests/kafka/stop --kill "$kafka_folder"
cp "$certificates/here-both.pem" "$certificates/good-both.pem"
cp "$certificates/expired-both.pem" "$certificates/here-both.pem"
check "the broker is restarted with an expired certificate" tests/kafka/start "$kafka_folder"
produce 5000 2000
check "the daemon logs that it has expired" eventually logged 'level=warning .*it has expired'
check "and waits" process_runs "${worker_pids[one]}"
tests/kafka/stop --kill "$kafka_folder"
cp "$certificates/good-both.pem" "$certificates/here-both.pem"
check "the broker is restarted with a good certificate" tests/kafka/start "$kafka_folder"
check "the daemon continues" oracle await 120 # librdkafka 2.0 may take a minute to retry

# ---- secrets ----

check "logs at debug level were written" grep -q level=debug "$said/ok" "$suite_folder/one.log"
for secret in "$kafka_password" "$key_password" "$redis_password" "$wrong_password"; do
    check_equal "${secret%%[+]*} is not in the output" "" "$(grep -rlF -- "$secret" "$said" "$suite_folder"/*.log)"
done
live_end 60

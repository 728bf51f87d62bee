# kafka_security: a broker that asks who one is. Needs tests/lib/suite.sh and tests/lib/certificates.sh; call kafka_security
# from live_before_kafka.
#
# Beside the listener without any security, by which the oracle and the senders come as User:ANONYMOUS, a superuser:
#   SECURE     SASL_SSL: SCRAM-SHA-512, or PLAIN where librdkafka is too old for SCRAM with this Kafka
#   MUTUAL     TLS with a client certificate
#   EXPIRED    as SECURE, with a certificate that has expired
#   ELSEWHERE  as SECURE, with a certificate of another host
# shellcheck shell=bash

# Characters that a shell or a config could take for their own.
kafka_user=client-intake kafka_password='kafka-Secret+1/$x'

# kafka_security [LINE ...]: certificates, and the environment of tests/kafka/start. The lines go into the broker's
# properties. $certificates/kafka-password and key-password have what their names say.
kafka_security() {
    certificates_make || return 1
    {
        printf '%s\n' "$@" ssl.truststore.type=PEM "ssl.truststore.location=$certificates/authority.pem" \
            sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN listener.name.mutual.ssl.client.auth=required
        local listener certificate
        for listener in secure:here mutual:here expired:expired elsewhere:elsewhere; do
            certificate=$certificates/${listener#*:}-both.pem
            listener=listener.name.${listener%:*}
            printf '%s\n' "$listener.ssl.keystore.type=PEM" "$listener.ssl.keystore.location=$certificate" \
                "$listener.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;" \
                "$listener.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_$kafka_user=\"$kafka_password\";"
        done
    } >"$certificates/properties"
    export KAFKA_LISTENERS='SECURE:SASL_SSL MUTUAL:SSL EXPIRED:SASL_SSL ELSEWHERE:SASL_SSL'
    export KAFKA_PROPERTIES=$certificates/properties
    # Only a user of SCRAM takes the storage tool, with a Java of its own.
    if kafka_scram_works; then export KAFKA_SCRAM="name=$kafka_user,password=$kafka_password"; fi
    printf '%s\n' "$kafka_password" >"$certificates/kafka-password"
    printf '%s\n' "$key_password" >"$certificates/key-password"
}

# The address of a listener.
kafka_listener() {
    cat "$kafka_folder/address-$1"
}

# True if librdkafka can log in by SCRAM to Kafka 4.0 and later.
kafka_scram_works() {
    local version
    version=$("$BUILD/client-intake" --version | sed -nE 's/.*librdkafka ([0-9.]+).*/\1/p')
    [ "$(printf '2.6.1\n%s\n' "$version" | sort -V | head -n 1)" = 2.6.1 ]
}

# kafka_secure_config FILE: has a config go through SECURE, with the password in a file.
kafka_secure_config() {
    local mechanism=SCRAM-SHA-512
    kafka_scram_works || mechanism=PLAIN
    sed -i "s|^bootstrap.servers = .*|bootstrap.servers = $(kafka_listener SECURE)\\
security.protocol = SASL_SSL\\
sasl.mechanism = $mechanism\\
sasl.username = $kafka_user\\
sasl.password = \${file:$certificates/kafka-password}\\
ssl.ca.location = $certificates/authority.pem|" "$1"
}

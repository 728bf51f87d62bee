# certificates: an authority of a suite's own and what it signs. Needs tests/lib/suite.sh.
# shellcheck shell=bash

certificates=                  # the folder
key_password='key-Secret+2/$y' # of client-locked.key

# certificate NAME SUBJECT OPTION ...: NAME.key, and NAME.pem, signed for SUBJECT, the value of subjectAltName, for the
# time that the options of `openssl x509` say. NAME-both.pem has them together, as Kafka wants them.
certificate() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.request" \
        -subj "/CN=client-intake-test" -addext "subjectAltName=$2" \
        && openssl x509 -req -in "$1.request" -CA authority.pem -CAkey authority.key -copy_extensions copy -out "$1.pem" \
            "${@:3}" \
        && cat "$1.key" "$1.pem" >"$1-both.pem"
}

authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.pem" -days 2 \
        -subj "/CN=$1 of client-intake's tests"
}

# OpenSSL before 3.4 has no -not_after, a later one takes no negative -days.
expired_certificate() {
    certificate "$1" "$2" -not_before 20200101000000Z -not_after 20200102000000Z || certificate "$1" "$2" -days -1
}

# In $certificates: the authorities `authority` and `stranger`; certificates of the former: `here` (localhost), `elsewhere`
# (another host), `expired`, and `client`, whose key is there once more as client-locked.key.
certificates_make() {
    local here='DNS:localhost,IP:127.0.0.1'
    certificates=$suite_folder/certificates
    mkdir -p "$certificates"
    (
        cd "$certificates" || exit 1
        authority authority && authority stranger && certificate here "$here" -days 2 \
            && certificate client "$here" -days 2 && certificate elsewhere DNS:elsewhere.example -days 2 \
            && expired_certificate expired "$here" \
            && openssl pkey -in client.key -aes256 -passout "pass:$key_password" -out client-locked.key
    ) >"$certificates/log" 2>&1 && return 0
    suite_fail "certificates are made" "$(tail -n 3 "$certificates/log")"
    return 1
}

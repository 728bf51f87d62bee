#include "worker/redis/redis_tls.h"

#include <arpa/inet.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* Writes OpenSSL's error about `what` to `error`. OpenSSL has no texts for system errors. Always returns false. */
static bool tls_fail(char *error, size_t error_size, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);
    if (!reason)
        reason = ERR_GET_LIB(code) == ERR_LIB_SYS ? strerror(ERR_GET_REASON(code)) : "refused by OpenSSL";
    snprintf(error, error_size, "%s: %s", what, reason);
    ERR_clear_error();
    return false;
}

/* Without this, OpenSSL would ask for a pass phrase on the terminal. */
static int no_pass_phrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer, (void)size, (void)writing, (void)context;
    return 0;
}

static bool load_authorities(SSL_CTX *context, const char *file, char *error, size_t error_size)
{
    if (!file[0])
        return SSL_CTX_set_default_verify_paths(context) == 1 ||
               tls_fail(error, error_size, "the system's certificates");
    return SSL_CTX_load_verify_locations(context, file, NULL) == 1 || tls_fail(error, error_size, "redis.tls_ca");
}

static bool load_certificate(SSL_CTX *context, const struct config *config, char *error, size_t error_size)
{
    if (!config->redis.tls_certificate[0])
        return true;
    if (SSL_CTX_use_certificate_chain_file(context, config->redis.tls_certificate) != 1)
        return tls_fail(error, error_size, "redis.tls_certificate");
    return SSL_CTX_use_PrivateKey_file(context, config->redis.tls_key, SSL_FILETYPE_PEM) == 1 ||
           tls_fail(error, error_size, "redis.tls_key");
}

static SSL_CTX *context_new(const struct config *config, char *error, size_t error_size)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context) {
        tls_fail(error, error_size, "TLS");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_default_passwd_cb(context, no_pass_phrase);
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF
    /* A killed Redis ends the connection without a TLS close. Replies contain their length, so a truncated one is
     * noticed. Without this option hiredis reports the error "Success". */
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
#endif
    if (load_authorities(context, config->redis.tls_ca, error, error_size) &&
        load_certificate(context, config, error, error_size))
        return context;
    SSL_CTX_free(context);
    return NULL;
}

static bool expect_name(SSL *tls, const char *name)
{
    unsigned char address[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), name) == 1;
    return SSL_set1_host(tls, name) == 1 && SSL_set_tlsext_host_name(tls, name) == 1;
}

/* Writes what is wrong with the server's certificate, if that is the reason; else hiredis' error. */
static void explain(const redisContext *connection, const SSL *tls, char *error, size_t error_size)
{
    long result = SSL_get_verify_result(tls);
    if (result != X509_V_OK)
        snprintf(error, error_size, "TLS: the server's certificate: %s", X509_verify_cert_error_string(result));
    else
        snprintf(error, error_size, "TLS: %s", connection->errstr);
    ERR_clear_error();
}

/* With TLS 1.3 a server that rejects our certificate, or requires one, says so only instead of its first reply, or just
 * ends the connection. Any reply to PING will do, also that a password is needed. */
static bool is_admitted(redisContext *connection, const struct config *config, char *error, size_t error_size)
{
    const char *what = config->redis.tls_certificate[0] ? "TLS: refused by the server after the handshake"
                                                        : "TLS: refused by the server after the handshake, perhaps for "
                                                          "want of a redis.tls_certificate";
    ERR_clear_error();
    redisReply *reply = redisCommand(connection, "PING");
    if (!reply && ERR_peek_last_error())
        tls_fail(error, error_size, what);
    else if (!reply)
        snprintf(error, error_size, "%s: %s", what, connection->errstr);
    freeReplyObject(reply);
    return reply != NULL;
}

bool redis_tls_begin(redisContext *connection, const struct config *config, const char *host, char *error,
                     size_t error_size)
{
    SSL_CTX *context = context_new(config, error, error_size);
    if (!context)
        return false;
    SSL *tls = SSL_new(context);
    SSL_CTX_free(context); /* `tls` keeps its own reference */
    if (!tls || !expect_name(tls, config->redis.tls_name[0] ? config->redis.tls_name : host)) {
        tls_fail(error, error_size, "redis.tls_name");
        SSL_free(tls);
        return false;
    }
    if (redisInitiateSSL(connection, tls) != REDIS_OK) {
        explain(connection, tls, error, error_size);
        SSL_free(tls);
        return false;
    }
    return is_admitted(connection, config, error, error_size); /* the connection owns `tls` now */
}

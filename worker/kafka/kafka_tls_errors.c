#include "worker/kafka/kafka_tls_errors.h"

#include <stdio.h>
#include <string.h>

/* OpenSSL's X509_V_ERR_*, which are part of its interface. The program is not linked with OpenSSL everywhere. */
static const struct {
    int code;
    const char *text;
} certificate_faults[] = {
    {9, "it is not valid yet"},
    {10, "it has expired"},
    {18, "it is signed by itself, and not in ssl.ca.location"},
    {19, "its authority is not in ssl.ca.location"},
    {20, "its authority is not in ssl.ca.location"},
    {21, "its authority is not in ssl.ca.location"},
    {23, "it has been revoked"},
    {62, "it is made for another host name"},
    {64, "it is made for another IP address"},
};

static int verify_certificate(rd_kafka_t *kafka, const char *broker, int32_t broker_id, int *code, int depth,
                              const char *certificate, size_t size, char *error, size_t error_size, void *opaque)
{
    (void)kafka, (void)broker, (void)broker_id, (void)certificate, (void)size, (void)opaque;
    if (*code == 0)
        return 1;
    const char *text = NULL;
    for (size_t i = 0; i < sizeof(certificate_faults) / sizeof(certificate_faults[0]); i++)
        if (certificate_faults[i].code == *code)
            text = certificate_faults[i].text;
    if (text)
        snprintf(error, error_size, "%s", text);
    else
        snprintf(error, error_size, "OpenSSL's verification error %d at depth %d", *code, depth);
    return 0;
}

void kafka_tls_errors_explain(rd_kafka_conf_t *conf)
{
    char wanted[8] = "";
    size_t size = sizeof(wanted);
    /* A librdkafka without TLS knows neither setting. */
    if (rd_kafka_conf_get(conf, "enable.ssl.certificate.verification", wanted, &size) == RD_KAFKA_CONF_OK &&
        strcmp(wanted, "true") == 0)
        rd_kafka_conf_set_ssl_cert_verify_cb(conf, verify_certificate);
}

const char *kafka_scram_hint(const struct config *config)
{
    const char *mechanism = config_kafka(config, NULL, "sasl.mechanism");
    if (!mechanism)
        mechanism = config_kafka(config, NULL, "sasl.mechanisms");
    if (rd_kafka_version() >= 0x020601ff || !mechanism || strncmp(mechanism, "SCRAM", 5) != 0)
        return NULL;
    return "librdkafka before 2.6.1 cannot log in by SCRAM to Kafka 4.0 and later, whatever the password; SASL_SSL "
           "with "
           "PLAIN, or a client certificate, can be used instead";
}

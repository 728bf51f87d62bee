#include "worker/http/resource.h"

#include <hiredis/hiredis.h>
#include <librdkafka/rdkafka.h>
#include <microhttpd.h>
#include <stdlib.h>

#include "common/clock.h"
#include "worker/http/health.h"
#include "worker/http/status_json.h"
#include "worker/http/verdict.h"

/* Each function writes a body and returns the status. */

static unsigned write_verdict(FILE *out, const char *what, bool holds, const char *reason)
{
    /* Reasons are texts of ours, which need no escapes. */
    if (holds)
        fprintf(out, "{\"%s\":true}\n", what);
    else
        fprintf(out, "{\"%s\":false,\"reason\":\"%s\"}\n", what, reason);
    return holds ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned write_livez(const struct pages *pages, FILE *out)
{
    char reason[HEALTH_REASON_SIZE] = "";
    bool live = health_is_live(pages->threads, pages->count, pages->config, clock_now_ms(), reason);
    return write_verdict(out, "live", live, reason);
}

static unsigned write_readyz(const struct pages *pages, FILE *out)
{
    char reason[HEALTH_REASON_SIZE] = "";
    bool ready = health_is_ready(pages->threads, pages->count, reason);
    return write_verdict(out, "ready", ready, reason);
}

static unsigned write_metrics(const struct pages *pages, FILE *out)
{
    char reason[HEALTH_REASON_SIZE];
    bool ready = health_is_ready(pages->threads, pages->count, reason);
    for (size_t i = 0; i < pages->count; i++)
        metrics_set(pages->threads[i], METRIC_READY, 0, ready);
    metrics_write(out, pages->threads, pages->count);
    return MHD_HTTP_OK;
}

static unsigned write_version(const struct pages *pages, FILE *out)
{
    (void)pages;
    fprintf(out, "{\"name\":\"client-intake\",\"version\":\"%s\",\"librdkafka\":\"%s\",\"hiredis\":\"%d.%d.%d\"}\n",
            CLIENT_INTAKE_VERSION, rd_kafka_version_str(), HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    return MHD_HTTP_OK;
}

static unsigned write_status_page(const struct pages *pages, FILE *out)
{
    (void)pages;
    struct span page = status_page();
    fwrite(page.at, 1, page.length, out);
    return MHD_HTTP_OK;
}

static unsigned write_status(const struct pages *pages, FILE *out)
{
    struct status *status = status_read(pages->threads, pages->count, pages->config, pages->history, pages->started_ms);
    struct verdict *verdict = malloc(sizeof(*verdict));
    bool ok = status && verdict;
    if (ok) {
        verdict_find(verdict, status);
        ok = status_json_write(out, status, verdict);
    }
    status_free(status);
    free(verdict);
    if (!ok)
        fputs("{\"error\":\"out of memory\"}\n", out);
    return ok ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned write_not_found(const struct pages *pages, FILE *out)
{
    (void)pages;
    fputs("{\"error\":\"there are /, /status.json, /livez, /readyz, /metrics and /version\"}\n", out);
    return MHD_HTTP_NOT_FOUND;
}

static unsigned write_not_allowed(const struct pages *pages, FILE *out)
{
    (void)pages;
    fputs("{\"error\":\"only GET and HEAD\"}\n", out);
    return MHD_HTTP_METHOD_NOT_ALLOWED;
}

#define TYPE_JSON "application/json"

static const struct resource resources[] = {
    {"/livez", TYPE_JSON, write_livez},
    {"/readyz", TYPE_JSON, write_readyz},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", write_metrics},
    {"/version", TYPE_JSON, write_version},
    {"/status.json", TYPE_JSON, write_status},
    {"/", "text/html; charset=utf-8", write_status_page},
};
static const struct resource not_found = {NULL, TYPE_JSON, write_not_found};
static const struct resource not_allowed = {NULL, TYPE_JSON, write_not_allowed};

const struct resource *resource_not_allowed(void)
{
    return &not_allowed;
}

const struct resource *resource_find(const char *path)
{
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
        if (strcmp(resources[i].path, path) == 0)
            return &resources[i];
    return &not_found;
}

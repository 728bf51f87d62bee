#include "worker/http/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/config/config_table.h"
#include "worker/http/resource.h"
#include "worker/http/status_page.h"

#define CONNECTIONS_MOST     64U /* browsers and scrapers need no more, and each takes a file descriptor */
#define CONNECTIONS_ENDING   64U /* at once, at most: they were shut down and wait to be closed */
#define CONNECTION_TIMEOUT_S 15U /* of a silent connection */
#define BACKLOG              128

/* A connection that is open. */
struct client {
    int socket;      /* -1: this place is free */
    uint64_t active; /* when it was accepted or last had an answer, by http.clock */
};

struct http {
    const struct config *config;
    int socket; /* -1: none, or the daemon's */
    int port;
    struct MHD_Daemon *daemon;
    struct pages pages;

    /* Of the server's thread. */
    struct client clients[CONNECTIONS_MOST];
    uint64_t clock; /* counts what the clients do */
};

/* ---- replies ---- */

static enum MHD_Result send_resource(const struct http *http, struct MHD_Connection *connection,
                                     const struct resource *resource)
{
    char *body = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&body, &length);
    if (!out)
        return MHD_NO;
    unsigned status = resource->write(&http->pages, out);
    if (fclose(out) != 0) {
        free(body);
        return MHD_NO;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(length, body, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(body);
        return MHD_NO;
    }
    bool ok = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, resource->type) == MHD_YES;
    ok = ok && MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES &&
         MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES &&
         MHD_add_response_header(response, "Referrer-Policy", "no-referrer") == MHD_YES &&
         MHD_add_response_header(response, "Content-Security-Policy", http->pages.policy) == MHD_YES;
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        ok = ok && MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES;
    enum MHD_Result result = ok ? MHD_queue_response(connection, status, response) : MHD_NO;
    MHD_destroy_response(response);
    return result;
}

/* ---- connections ---- */

/* The free place; or that of the connection that did nothing for the longest time, which is shut down. */
static struct client *client_place(struct http *http)
{
    struct client *oldest = &http->clients[0];
    for (size_t i = 0; i < CONNECTIONS_MOST; i++) {
        struct client *client = &http->clients[i];
        if (client->socket < 0)
            return client;
        if (client->active < oldest->active)
            oldest = client;
    }
    shutdown(oldest->socket, SHUT_RDWR);
    return oldest;
}

/* Without this, clients that send a byte now and then would keep everyone else from being answered: the server accepts
 * no connection beyond its limit, and liveness probes would fail. */
static void on_connection(void *opaque, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *http = opaque;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct client *client = *context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        client = client_place(http);
        *client = (struct client){.socket = info->connect_fd, .active = ++http->clock};
        *context = client;
    } else if (client && client->socket == info->connect_fd) { /* else another connection has its place */
        client->socket = -1;
    }
}

static void note_answer(struct http *http, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct client *client = info ? info->socket_context : NULL;
    if (client)
        client->active = ++http->clock;
}

/* Called once when a request's headers are complete, and again when all of it is. A method that may have a body is
 * refused at the first call, so that the body is not awaited. */
static enum MHD_Result on_request(void *opaque, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **seen)
{
    static const char mark;
    struct http *http = opaque;
    const struct resource *resource = resource_find(path);
    (void)version;
    (void)upload;
    bool reads = strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    if (!reads || *seen)
        note_answer(http, connection);
    if (!reads)
        return send_resource(http, connection, resource->path ? resource_not_allowed() : resource);
    if (!*seen) {
        *seen = (void *)(uintptr_t)&mark;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    return send_resource(http, connection, resource);
}

/* ---- listening ---- */

static void http_fail(const struct http *http, const char *error)
{
    log_error("http cannot listen", LOG_TEXT("address", http->config->http.listen), LOG_TEXT("error", error));
}

/* Binds to the first address that is available. */
static bool http_bind(struct http *http, const struct addrinfo *addresses)
{
    int error = EADDRNOTAVAIL;
    for (const struct addrinfo *address = addresses; address; address = address->ai_next) {
        int one = 1;
        int made = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol);
        if (made >= 0 && setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
            bind(made, address->ai_addr, address->ai_addrlen) == 0 && listen(made, BACKLOG) == 0) {
            http->socket = made;
            return true;
        }
        error = errno;
        if (made >= 0)
            close(made);
    }
    http_fail(http, strerror(error));
    return false;
}

/* Finds the port, and logs the address. */
static bool http_announce(struct http *http)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    char host[NI_MAXHOST], port[NI_MAXSERV], text[NI_MAXHOST + NI_MAXSERV + 4];
    if (getsockname(http->socket, (struct sockaddr *)&address, &length) != 0 ||
        getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        http_fail(http, "the socket has no address");
        return false;
    }
    http->port = atoi(port);
    snprintf(text, sizeof(text), strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
    log_info("http listens", LOG_TEXT("address", text));
    return true;
}

static bool http_listen(struct http *http)
{
    char *host = NULL, service[16];
    int port = 0;
    if (!config_split_address(http->config->http.listen, &host, &port)) {
        http_fail(http, "not HOST:PORT");
        return false;
    }
    snprintf(service, sizeof(service), "%d", port);
    const struct addrinfo wanted = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    int error = getaddrinfo(host, service, &wanted, &addresses);
    free(host);
    if (error != 0) {
        http_fail(http, gai_strerror(error));
        return false;
    }
    bool bound = http_bind(http, addresses);
    freeaddrinfo(addresses);
    return bound && http_announce(http);
}

struct http *http_open(const struct config *config)
{
    struct http *http = calloc(1, sizeof(*http));
    if (!http) {
        log_error("http cannot start: out of memory");
        return NULL;
    }
    http->config = config;
    http->socket = -1;
    for (size_t i = 0; i < CONNECTIONS_MOST; i++)
        http->clients[i].socket = -1;
    http->pages = (struct pages){.config = config, .started_ms = clock_wall_ms()};
    status_page_policy(http->pages.policy);
    if (config->http.listen[0] == '\0' || http_listen(http))
        return http;
    http_close(http);
    return NULL;
}

__attribute__((format(printf, 2, 0))) static void on_log(void *opaque, const char *format, va_list values)
{
    char text[256];
    (void)opaque;
    vsnprintf(text, sizeof(text), format, values);
    text[strcspn(text, "\n")] = '\0';
    log_debug("http", LOG_TEXT("event", text));
}

bool http_serve(struct http *http, struct metrics *const *threads, size_t count)
{
    http->pages.threads = threads;
    http->pages.count = count;
    if (http->socket < 0)
        return true;
    http->pages.history = status_history_start(threads, count);
    if (!http->pages.history) {
        http_fail(http, "no thread for the history of the page");
        return false;
    }
    http->daemon = MHD_start_daemon(
        MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG, (uint16_t)http->port, NULL, NULL,
        on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, http->socket,
        MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MOST + CONNECTIONS_ENDING, MHD_OPTION_CONNECTION_TIMEOUT,
        CONNECTION_TIMEOUT_S, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_END);
    if (!http->daemon) {
        http_fail(http, "the server does not start");
        return false;
    }
    http->socket = -1;
    return true;
}

void http_close(struct http *http)
{
    if (!http)
        return;
    if (http->daemon)
        MHD_stop_daemon(http->daemon);
    status_history_end(http->pages.history);
    if (http->socket >= 0)
        close(http->socket);
    free(http);
}

int http_port(const struct http *http)
{
    return http->port;
}

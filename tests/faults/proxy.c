/* proxy: stands between a client and a server, and disturbs their connections on command. See `usage`. */
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/faults/proxy_control.h"
#include "tests/faults/proxy_link.h"

#define LINKS 256

static const char usage[] =
    "proxy run --listen HOST:PORT --server HOST:PORT|unix:PATH --control SOCKET [--kafka]\n"
    "proxy tell SOCKET WORD ...\n"
    "  pass                          carry everything, as at the start\n"
    "  hang [to-server|to-client]    accept and carry nothing (in that direction); `pass` lets it go on its way\n"
    "  refuse                        reset all connections and let nobody connect\n"
    "  reset                         reset all connections, once\n"
    "  slice BYTES [PAUSE_MS]        send so much at a time\n"
    "  delay MS                      latency of each direction\n"
    "  rate BYTES                    per second, of each direction of a connection\n"
    "  cut BYTES                     reset the present connections once each has carried so many bytes of answers\n"
    "  answer KEY drop|reset [COUNT] the next answers to Kafka's requests of that kind do not arrive\n"
    "  answer KEY delay MS [COUNT]   or late; what stands behind them in their connection waits, too\n"
    "  request KEY drop|reset|delay  the same for the requests themselves\n"
    "  status                        prints \"CONNECTIONS MATCHED\": how many connections there are, and how many "
    "frames\n"
    "                                met a rule or connections were reset or cut\n"
    "Rules, all but `reset` and `cut`, add up until `pass`. What a client had sent before it closed still reaches the "
    "server.\n";

struct proxy {
    const char *listen, *server, *control;
    bool is_kafka;
    int listener, controller; /* listener -1: refusing */
    struct rules rules;
    struct link links[LINKS];
    size_t count;
};

static void usage_error(void)
{
    fputs(usage, stderr);
    exit(64);
}

static void fail(const char *what)
{
    perror(what);
    exit(69);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct addrinfo *address_new(const char *text)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *address;
    if (!colon)
        usage_error();
    snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
    if (getaddrinfo(host, colon + 1, &hints, &address) != 0)
        usage_error();
    return address;
}

static int listen_at(const char *text)
{
    struct addrinfo *address = address_new(text);
    int listener = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) != 0 ||
        bind(listener, address->ai_addr, address->ai_addrlen) != 0 || listen(listener, 64) != 0)
        fail(text);
    freeaddrinfo(address);
    return listener;
}

/* A socket that connects, or -1. */
static int connect_to(const char *text)
{
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    if (strncmp(text, "unix:", 5) == 0) {
        int server = socket(AF_UNIX, SOCK_STREAM, 0);
        snprintf(path.sun_path, sizeof(path.sun_path), "%s", text + 5);
        if (server >= 0 && connect(server, (struct sockaddr *)&path, sizeof(path)) == 0 &&
            fcntl(server, F_SETFL, O_NONBLOCK) == 0)
            return server;
        close(server);
        return -1;
    }
    struct addrinfo *address = address_new(text);
    int server = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (server >= 0)
        connect(server, address->ai_addr, address->ai_addrlen);
    freeaddrinfo(address);
    return server;
}

static void proxy_accept(struct proxy *proxy)
{
    int client = accept4(proxy->listener, NULL, NULL, SOCK_NONBLOCK);
    if (client < 0)
        return;
    int server = proxy->count < LINKS ? connect_to(proxy->server) : -1;
    if (server < 0)
        close(client);
    else
        link_open(&proxy->links[proxy->count++], client, server, proxy->is_kafka);
}

static void proxy_reset(struct proxy *proxy)
{
    proxy->rules.matched += proxy->count;
    while (proxy->count > 0)
        link_reset(&proxy->links[--proxy->count]);
}

static void proxy_obey(struct proxy *proxy)
{
    char line[CONTROL_LINE], answer[CONTROL_LINE] = "done";
    long number = -1;
    int connection = control_take(proxy->controller, line);
    if (connection < 0)
        return;
    switch (rules_take(&proxy->rules, line, &number)) {
    case COMMAND_RULES:
        break;
    case COMMAND_RESET:
        proxy_reset(proxy);
        break;
    case COMMAND_CUT:
        for (size_t i = 0; i < proxy->count; i++)
            proxy->links[i].cut_left = number;
        break;
    case COMMAND_STATUS:
        snprintf(answer, sizeof(answer), "%zu %lu", proxy->count, proxy->rules.matched);
        break;
    case COMMAND_WRONG:
        snprintf(answer, sizeof(answer), "wrong");
        break;
    }
    if (proxy->rules.refuse && proxy->listener >= 0) {
        close(proxy->listener);
        proxy->listener = -1;
        proxy_reset(proxy);
    } else if (!proxy->rules.refuse && proxy->listener < 0) {
        proxy->listener = listen_at(proxy->listen);
    }
    control_answer(connection, answer);
}

static int proxy_patience(const struct proxy *proxy)
{
    int64_t soonest = INT64_MAX, now = now_ms();
    for (size_t i = 0; i < proxy->count; i++) {
        int64_t wakes_ms = link_wakes_ms(&proxy->links[i], &proxy->rules);
        if (wakes_ms < soonest)
            soonest = wakes_ms;
    }
    return soonest == INT64_MAX ? -1 : soonest <= now ? 0 : (int)(soonest - now);
}

/* Links are looked at from the last to the first, so that one that ends can be replaced by the last. */
static void proxy_carry(struct proxy *proxy, const struct pollfd *polls)
{
    int64_t now = now_ms();
    for (size_t i = proxy->count; i-- > 0;)
        if (!link_turn(&proxy->links[i], &proxy->rules, polls + i * DIRECTIONS, now))
            proxy->links[i] = proxy->links[--proxy->count];
}

static void proxy_run(struct proxy *proxy)
{
    static struct pollfd polls[2 + LINKS * DIRECTIONS];
    for (;;) {
        polls[0] = (struct pollfd){.fd = proxy->controller, .events = POLLIN};
        polls[1] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
        for (size_t i = 0; i < proxy->count; i++)
            link_prepare(&proxy->links[i], &proxy->rules, polls + 2 + i * DIRECTIONS);
        if (poll(polls, 2 + proxy->count * DIRECTIONS, proxy_patience(proxy)) < 0)
            continue;
        proxy_carry(proxy, polls + 2);
        if (polls[1].revents)
            proxy_accept(proxy);
        if (polls[0].revents)
            proxy_obey(proxy);
    }
}

static void run(int count, char **arguments)
{
    static const struct option options[] = {{"listen", required_argument, NULL, 'l'},
                                            {"server", required_argument, NULL, 's'},
                                            {"control", required_argument, NULL, 'c'},
                                            {"kafka", no_argument, NULL, 'k'},
                                            {0}};
    static struct proxy proxy;
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        switch (option) {
        case 'l':
            proxy.listen = optarg;
            break;
        case 's':
            proxy.server = optarg;
            break;
        case 'c':
            proxy.control = optarg;
            break;
        case 'k':
            proxy.is_kafka = true;
            break;
        default:
            usage_error();
        }
    }
    if (!proxy.listen || !proxy.server || !proxy.control)
        usage_error();
    proxy.listener = listen_at(proxy.listen);
    proxy.controller = control_listen(proxy.control);
    if (proxy.controller < 0)
        fail(proxy.control);
    proxy_run(&proxy);
}

static int tell(const char *path, int count, char **words)
{
    char line[CONTROL_LINE - 1] = "";
    for (int i = 0; i < count; i++)
        if (strlen(line) + strlen(words[i]) + 2 < sizeof(line))
            strcat(strcat(line, words[i]), " ");
    return control_tell(path, line);
}

int main(int count, char **arguments)
{
    if (count > 3 && strcmp(arguments[1], "tell") == 0)
        return tell(arguments[2], count - 3, arguments + 3);
    if (count < 2 || strcmp(arguments[1], "run") != 0)
        usage_error();
    run(count - 1, arguments + 1);
    return 69;
}

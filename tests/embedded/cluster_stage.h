/* cluster_stage: a Redis Cluster of three masters on loopback for tests of the index on a cluster. A master can be
 * killed, and started again over its folder, where it has nothing but what it knows of the cluster. A fourth node can
 * be made the replica of a master. Each test includes it once. */
#ifndef TESTS_CLUSTER_STAGE_H
#define TESTS_CLUSTER_STAGE_H

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/folder.h"

#define REPLICA          3 /* the number of the fourth node */
#define MASTERS          3
#define CLUSTER_LIMIT    60000 /* milliseconds for anything that is waited for */
#define LAST_OF(master)  ((master) == 0 ? 5460 : (master) == 1 ? 10922 : 16383)
#define FIRST_OF(master) ((master) == 0 ? 0 : LAST_OF((master)-1) + 1)

static char cluster_folder[512];
static struct cluster_master_process {
    pid_t process; /* 0: it does not run */
    int port, bus_port;
    redisContext *aside; /* for looking and meddling */
    char id[64];
} cluster_masters[MASTERS + 1];

static int cluster_free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(at);
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, length), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &length), 0);
    close(listener);
    return ntohs(at.sin_port);
}

static void cluster_become_redis(size_t number)
{
    char folder[600], log[700], port[16], bus_port[16];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(folder, sizeof(folder), "%s/node-%zu", cluster_folder, number);
    snprintf(log, sizeof(log), "%s/log", folder);
    snprintf(port, sizeof(port), "%d", cluster_masters[number].port);
    snprintf(bus_port, sizeof(bus_port), "%d", cluster_masters[number].bus_port);
    execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1", "--cluster-enabled", "yes",
           "--cluster-port", bus_port, "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "2000",
           "--cluster-require-full-coverage", "no", "--cluster-replica-validity-factor", "0",
           "--repl-diskless-sync-delay", "0", "--dir", folder, "--save", "", "--appendonly", "no", "--daemonize", "no",
           "--logfile", log, (char *)NULL);
    _exit(127);
}

/* `ask` reads the answer as text; "" for nothing and for errors of the connection. Errors of Redis are texts, too. */
static const char *cluster_ask(size_t number, const char *format, ...)
{
    static char text[65536];
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(cluster_masters[number].aside, format, arguments);
    va_end(arguments);
    text[0] = '\0';
    if (reply && reply->type == REDIS_REPLY_INTEGER)
        snprintf(text, sizeof(text), "%lld", reply->integer);
    else if (reply && reply->str)
        snprintf(text, sizeof(text), "%s", reply->str);
    freeReplyObject(reply);
    return text;
}

static bool cluster_answers(size_t number)
{
    struct cluster_master_process *master = &cluster_masters[number];
    if (master->aside)
        redisFree(master->aside);
    master->aside = redisConnect("127.0.0.1", master->port);
    return strcmp(cluster_ask(number, "PING"), "PONG") == 0;
}

#define cluster_await(condition)                                                                                       \
    do {                                                                                                               \
        const int64_t limit_ms = clock_now_ms() + CLUSTER_LIMIT;                                                       \
        while (!(condition)) {                                                                                         \
            ck_assert_msg(clock_now_ms() < limit_ms, "%s", "it did not come: " #condition);                            \
            clock_sleep(20);                                                                                           \
        }                                                                                                              \
    } while (0)

static void cluster_start(size_t number)
{
    struct cluster_master_process *master = &cluster_masters[number];
    master->process = fork();
    ck_assert_int_ge(master->process, 0);
    if (master->process == 0)
        cluster_become_redis(number);
    cluster_await(cluster_answers(number));
}

static __attribute__((unused)) void cluster_kill(size_t number)
{
    kill(cluster_masters[number].process, SIGKILL);
    waitpid(cluster_masters[number].process, NULL, 0);
    cluster_masters[number].process = 0;
}

static bool cluster_is_whole(void)
{
    for (size_t i = 0; i < MASTERS; i++) {
        const char *info = cluster_ask(i, "CLUSTER INFO");
        if (!strstr(info, "cluster_state:ok") || !strstr(info, "cluster_known_nodes:3") ||
            !strstr(info, "cluster_slots_ok:16384"))
            return false;
    }
    return true;
}

static void cluster_add(size_t number)
{
    char folder[600];
    snprintf(folder, sizeof(folder), "%s/node-%zu", cluster_folder, number);
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    cluster_masters[number].port = cluster_free_port();
    cluster_masters[number].bus_port = cluster_free_port();
    cluster_start(number);
    snprintf(cluster_masters[number].id, sizeof(cluster_masters[number].id), "%s", cluster_ask(number, "CLUSTER MYID"));
}

static void cluster_meet(size_t number)
{
    cluster_ask(0, "CLUSTER MEET 127.0.0.1 %d %d", cluster_masters[number].port, cluster_masters[number].bus_port);
}

/* The fourth node has what this master has from now on. */
static __attribute__((unused)) void cluster_add_replica(size_t master)
{
    cluster_add(REPLICA);
    cluster_meet(REPLICA);
    cluster_await(strcmp(cluster_ask(REPLICA, "CLUSTER REPLICATE %s", cluster_masters[master].id), "OK") == 0);
    cluster_await(strstr(cluster_ask(master, "INFO replication"), "state=online"));
    /* It takes over only what it knows that its master has. */
    cluster_await(strstr(cluster_ask(REPLICA, "CLUSTER INFO"), "cluster_slots_ok:16384"));
}

static void cluster_open(void)
{
    ck_assert(folder_make_temporary("client-intake-cluster", cluster_folder, sizeof(cluster_folder)));
    for (size_t i = 0; i < MASTERS; i++) {
        cluster_add(i);
        cluster_ask(i, "CLUSTER ADDSLOTSRANGE %d %d", FIRST_OF((int)i), LAST_OF((int)i));
        cluster_ask(i, "CLUSTER SET-CONFIG-EPOCH %d", (int)i + 1);
    }
    for (size_t i = 1; i < MASTERS; i++)
        cluster_meet(i);
    cluster_await(cluster_is_whole());
}

static void cluster_close(void)
{
    for (size_t i = 0; i <= REPLICA; i++) {
        if (cluster_masters[i].aside)
            redisFree(cluster_masters[i].aside);
        if (cluster_masters[i].process)
            cluster_kill(i);
        cluster_masters[i] = (struct cluster_master_process){.process = 0};
    }
    folder_remove(cluster_folder);
}

/* "redis.address=..." of all masters. */
static void cluster_address(char *text, size_t size)
{
    snprintf(text, size, "redis.address=127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d", cluster_masters[0].port,
             cluster_masters[1].port, cluster_masters[2].port);
}

#endif

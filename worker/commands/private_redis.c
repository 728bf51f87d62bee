#include "worker/commands/private_redis.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

#define START_LIMIT_MS 10000
#define START_STEP_MS  20

static void become_redis(const char *folder, const char *socket_path)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0); /* Control-C is for the parent alone, which still needs Redis to drain */
    int nowhere = open("/dev/null", O_RDWR);
    if (nowhere >= 0) {
        dup2(nowhere, STDIN_FILENO);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket_path, "--dir", folder, "--save", "",
           "--appendonly", "no", "--daemonize", "no", (char *)NULL);
    _exit(127);
}

static bool is_up(const char *socket_path)
{
    redisContext *connection = redisConnectUnix(socket_path);
    redisReply *reply = connection && !connection->err ? redisCommand(connection, "PING") : NULL;
    bool ok = reply && reply->type == REDIS_REPLY_STATUS;
    if (reply)
        freeReplyObject(reply);
    if (connection)
        redisFree(connection);
    return ok;
}

bool private_redis_start(struct private_redis *redis, const char *folder, char *error, size_t error_size)
{
    *redis = (struct private_redis){0};
    snprintf(redis->address, sizeof(redis->address), "unix:%s/redis.sock", folder);
    const char *socket_path = redis->address + strlen("unix:");
    redis->process = fork();
    if (redis->process == 0)
        become_redis(folder, socket_path);
    if (redis->process < 0) {
        snprintf(error, error_size, "redis-server: %s", strerror(errno));
        redis->process = 0;
        return false;
    }
    for (int waited = 0; waited < START_LIMIT_MS; waited += START_STEP_MS) {
        if (is_up(socket_path))
            return true;
        int status;
        if (waitpid(redis->process, &status, WNOHANG) == redis->process) {
            redis->process = 0;
            snprintf(error, error_size, "redis-server could not be started; is it installed?");
            return false;
        }
        clock_sleep(START_STEP_MS);
    }
    snprintf(error, error_size, "redis-server did not reply within %d ms", START_LIMIT_MS);
    private_redis_stop(redis);
    return false;
}

void private_redis_stop(struct private_redis *redis)
{
    if (redis->process <= 0)
        return;
    kill(redis->process, SIGTERM);
    while (waitpid(redis->process, NULL, 0) < 0 && errno == EINTR)
        ;
    redis->process = 0;
}

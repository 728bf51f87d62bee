#include "tests/embedded/fake_redis.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct caller {
    int file;
    bool known; /* has sent the password */
};

static void say(struct fake_redis *fake, int file, const char *answer)
{
    for (size_t length = strlen(answer); length > 0;) {
        const ssize_t written = send(file, answer, fake->slow ? 1 : length, MSG_NOSIGNAL);
        if (fake->slow)
            usleep(100000);
        if (written <= 0)
            return;
        answer += written;
        length -= (size_t)written;
    }
}

/* `rest`: what stands behind "CLUSTER". */
static const char *cluster_answer(struct fake_redis *fake, const char *rest)
{
    const char *answer = NULL;
    if (strncmp(rest, "\r\n$5\r\nSLOTS", 11) == 0) {
        atomic_fetch_add(&fake->asked, 1);
        answer = fake->slots;
    } else if (strncmp(rest, "\r\n$4\r\nINFO", 10) == 0) {
        answer = fake->state;
    } else if (strncmp(rest, "\r\n$4\r\nMYID", 10) == 0) {
        answer = fake->id;
    } else {
        answer = fake->shard;
    }
    return answer ? answer : "-ERR This instance has cluster support disabled\r\n";
}

/* A command comes in one piece: clients send it so over loopback. Commands of a pipeline stand one behind the other. */
static void answer(struct fake_redis *fake, struct caller *caller, char *text)
{
    for (char *command = strchr(text, '*'); command; command = strstr(command + 1, "\r\n*")) {
        char *name = strstr(command[0] == '*' ? command : command + 2, "\r\n$");
        name = name ? strstr(name + 2, "\r\n") : NULL;
        if (!name)
            return;
        name += 2;
        if (strncmp(name, "AUTH", 4) == 0) {
            caller->known = !fake->password || strstr(name, fake->password);
            say(fake, caller->file, caller->known ? "+OK\r\n" : "-WRONGPASS invalid username-password pair\r\n");
        } else if (fake->password && !caller->known) {
            say(fake, caller->file, "-NOAUTH Authentication required.\r\n");
        } else if (strncmp(name, "SENTINEL", 8) == 0) {
            atomic_fetch_add(&fake->asked, 1);
            say(fake, caller->file, fake->sentinel ? fake->sentinel : "-ERR unknown command 'SENTINEL'\r\n");
        } else if (strncmp(name, "ROLE", 4) == 0) {
            say(fake, caller->file, fake->role ? fake->role : "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
        } else if (strncmp(name, "CLUSTER", 7) == 0) {
            say(fake, caller->file, cluster_answer(fake, name + 7));
        } else if (strncmp(name, "GET\r", 4) == 0) {
            say(fake, caller->file, fake->get ? fake->get : "$-1\r\n");
        } else if (strncmp(name, "EVAL\r", 5) == 0) {
            atomic_fetch_add(&fake->evaluated, 1);
            if (fake->later)
                fake->state = fake->later;
            say(fake, caller->file, fake->eval ? fake->eval : "$-1\r\n");
        } else if (strncmp(name, "INFO", 4) == 0) {
            say(fake, caller->file, "$0\r\n\r\n");
        } else {
            say(fake, caller->file, "+OK\r\n");
        }
    }
}

static void serve(struct fake_redis *fake, struct caller *caller)
{
    char text[4096];
    const ssize_t length = recv(caller->file, text, sizeof(text) - 1, 0);
    if (length <= 0) {
        close(caller->file);
        caller->file = -1;
        return;
    }
    text[length] = '\0';
    if (!fake->silent)
        answer(fake, caller, text);
}

static void *run(void *argument)
{
    struct fake_redis *fake = argument;
    struct caller callers[FAKE_CONNECTIONS];
    struct pollfd files[FAKE_CONNECTIONS + 2];
    size_t count = 0;
    while (!fake->ends) {
        for (size_t i = 0; i < count; i++)
            files[i] = (struct pollfd){.fd = callers[i].file, .events = POLLIN};
        files[count] = (struct pollfd){.fd = fake->listener, .events = POLLIN};
        files[count + 1] = (struct pollfd){.fd = fake->wake[0], .events = POLLIN};
        poll(files, count + 2, -1);
        for (size_t i = 0; i < count; i++)
            if (files[i].revents)
                serve(fake, &callers[i]);
        if (files[count].revents && count < FAKE_CONNECTIONS) {
            callers[count] = (struct caller){accept(fake->listener, NULL, NULL), false};
            atomic_fetch_add(&fake->accepted, 1);
            count++;
        }
    }
    for (size_t i = 0; i < count; i++)
        if (callers[i].file >= 0)
            close(callers[i].file);
    return NULL;
}

bool fake_redis_start(struct fake_redis *fake, const char *host, int port)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const bool is_six = strchr(host, ':') != NULL;
    struct sockaddr *address = is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four;
    socklen_t size = is_six ? sizeof(six) : sizeof(four);
    inet_pton(address->sa_family, host, is_six ? (void *)&six.sin6_addr : (void *)&four.sin_addr);
    fake->listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fake->listener < 0)
        return false;
    setsockopt(fake->listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fake->listener, address, size) != 0 || listen(fake->listener, 16) != 0 ||
        getsockname(fake->listener, address, &size) != 0 || pipe(fake->wake) != 0) {
        close(fake->listener);
        return false;
    }
    fake->port = ntohs(is_six ? six.sin6_port : four.sin_port);
    snprintf(fake->address, sizeof(fake->address), is_six ? "[%s]:%d" : "%s:%d", host, fake->port);
    atomic_store(&fake->ends, false);
    return pthread_create(&fake->thread, NULL, run, fake) == 0;
}

void fake_redis_stop(struct fake_redis *fake)
{
    atomic_store(&fake->ends, true);
    if (write(fake->wake[1], "x", 1) != 1)
        abort();
    pthread_join(fake->thread, NULL);
    close(fake->wake[0]);
    close(fake->wake[1]);
    close(fake->listener);
}

char *fake_names(const char *host, int port)
{
    char *answer, number[16];
    snprintf(number, sizeof(number), "%d", port);
    if (asprintf(&answer, "*2\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n", strlen(host), host, strlen(number), number) < 0)
        abort();
    return answer;
}

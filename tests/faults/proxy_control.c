#include "tests/faults/proxy_control.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_SECONDS 30

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    return address;
}

static void be_patient(int connection)
{
    const struct timeval keep_going = {.tv_sec = PATIENCE_SECONDS};
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &keep_going, sizeof(keep_going));
}

int control_listen(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    unlink(path);
    if (listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(listener, 8) == 0)
        return listener;
    if (listener >= 0)
        close(listener);
    return -1;
}

/* Up to the line's end. False if the other side closed before. */
static int read_line(int connection, char line[CONTROL_LINE])
{
    size_t length = 0;
    while (length + 1 < CONTROL_LINE) {
        ssize_t got = recv(connection, line + length, CONTROL_LINE - 1 - length, 0);
        if (got <= 0)
            return 0;
        length += (size_t)got;
        line[length] = '\0';
        if (line[length - 1] == '\n')
            return 1;
    }
    return 0;
}

int control_take(int listener, char line[CONTROL_LINE])
{
    int connection = accept(listener, NULL, NULL);
    if (connection < 0)
        return -1;
    be_patient(connection);
    if (read_line(connection, line))
        return connection;
    close(connection);
    return -1;
}

static int send_line(int connection, const char *line)
{
    char text[CONTROL_LINE + 1];
    int length = snprintf(text, sizeof(text), "%s\n", line);
    return send(connection, text, (size_t)length, MSG_NOSIGNAL) == length;
}

void control_answer(int connection, const char *answer)
{
    if (!send_line(connection, answer))
        perror("control socket");
    close(connection);
}

int control_tell(const char *path, const char *line)
{
    struct sockaddr_un address = address_of(path);
    char answer[CONTROL_LINE] = "";
    int connection = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connection < 0)
        return 69;
    be_patient(connection);
    int heard = connect(connection, (struct sockaddr *)&address, sizeof(address)) == 0 && send_line(connection, line) &&
                read_line(connection, answer);
    close(connection);
    if (!heard) {
        perror(path);
        return 69;
    }
    fputs(answer, stdout);
    return strncmp(answer, "wrong", 5) == 0;
}

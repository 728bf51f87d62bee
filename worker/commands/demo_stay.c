#include "worker/commands/demo_stay.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/stop.h"

#define LOOK_EVERY_MS 100

/* The program's path as a word of the shell. */
static void print_program(void)
{
    char path[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
    putchar('\'');
    for (ssize_t i = 0; i < length; i++)
        fputs(path[i] == '\'' ? "'\\''" : (char[]){path[i], '\0'}, stdout);
    putchar('\'');
}

/* The part of http.listen before the port. */
static void print_host(const char *listen)
{
    const char *colon = strrchr(listen, ':');
    printf("%.*s", colon ? (int)(colon - listen) : 0, listen);
}

void demo_stay(const struct config *config, int port, const char *servers, const char *workspace)
{
    printf("\nThe servers and the worker stay.\n\npage   http://");
    print_host(config->http.listen);
    printf(":%d/\nsend   echo '{\"workspaceId\": \"%s\", \"givenName\": \"Rosalind\", \"familyName\": \"Franklin\", "
           "\"email\": \"rosalind@example.com\"}' |\n       ",
           port, workspace);
    print_program();
    printf(" send --set kafka.bootstrap.servers=%s\nstop   Control-C; nothing is left behind\n", servers);
    fflush(stdout);
    while (!stop_is_requested())
        clock_sleep(LOOK_EVERY_MS);
}

/* terminal COMMAND ...: runs a command whose standard error is a terminal, and copies what it prints there to its own
 * standard error. Standard input and output stay as they are. Exit status: the command's. */
#define _XOPEN_SOURCE 600
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void give_up(const char *what)
{
    perror(what);
    exit(69);
}

/* The parent's end of a new terminal. */
static int terminal_open(void)
{
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0)
        give_up("a terminal");
    return terminal;
}

static void run(int terminal, char **command)
{
    const int side = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    if (side < 0 || dup2(side, STDERR_FILENO) < 0)
        give_up("the terminal's other side");
    close(side);
    execvp(command[0], command);
    _exit(127);
}

int main(int argc, char **argv)
{
    char bytes[4096];
    int status;
    ssize_t length;
    if (argc < 2)
        return 64;
    const int terminal = terminal_open();
    const pid_t child = fork();
    if (child < 0)
        give_up("fork");
    if (child == 0)
        run(terminal, argv + 1);
    /* The reading fails when the command's side is closed. */
    while ((length = read(terminal, bytes, sizeof(bytes))) > 0 || (length < 0 && errno == EINTR))
        if (length > 0 && write(STDERR_FILENO, bytes, (size_t)length) != length)
            give_up("standard error");
    if (waitpid(child, &status, 0) != child)
        give_up("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* client-intake: answers create-client commands from a Kafka topic, exactly once. */
#include <signal.h>

#include "worker/command.h"

int main(int argc, char **argv)
{
    /* hiredis writes to sockets whose other end may be gone: that is an error to handle, not a reason to die. */
    signal(SIGPIPE, SIG_IGN);
    return command_main(argc, argv);
}

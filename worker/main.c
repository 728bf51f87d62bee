/* client-intake: replies to create-client commands from a Kafka topic, exactly once. */
#include <signal.h>

#include "worker/commands/command.h"

/* Read by jemalloc, which the program (but not its tests) is linked with. librdkafka makes a dozen small allocations
 * for each command, mostly for its headers, and frees those of a whole batch at once. A thread cache that holds a
 * batch's worth saves a quarter of the worker's processor time. */
extern const char *malloc_conf;
const char *malloc_conf = "tcache_nslots_small_min:4000,tcache_nslots_small_max:65535,lg_tcache_nslots_mul:6,narenas:4";

int main(int argc, char **argv)
{
    /* hiredis writes to sockets whose other end may be closed. That is an error to handle, not a reason to exit. */
    signal(SIGPIPE, SIG_IGN);
    return command_main(argc, argv);
}

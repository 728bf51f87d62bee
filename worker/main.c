/* client-intake: answers create-client commands from a Kafka topic, exactly once. */
#include <signal.h>

#include "worker/commands/command.h"

/* Read by jemalloc, which the program (not its tests) is linked with. librdkafka makes a dozen small allocations for
 * each command, its headers above all, and frees those of a whole batch at once: a thread cache that holds a batch's
 * worth saves a quarter of the worker's processor time. */
extern const char *malloc_conf;
const char *malloc_conf = "tcache_nslots_small_min:4000,tcache_nslots_small_max:65535,lg_tcache_nslots_mul:6,narenas:4";

int main(int argc, char **argv)
{
    /* hiredis writes to sockets whose other end may be gone: that is an error to handle, not a reason to die. */
    signal(SIGPIPE, SIG_IGN);
    return command_main(argc, argv);
}

/* client-intake: replies to create-client commands from a Kafka topic, exactly once. */
#include <signal.h>

#include "worker/commands/command.h"

/* Read by jemalloc, which the program (but not its tests) is linked with. librdkafka makes two dozen small allocations
 * for each command, mostly for its headers, and frees those of a whole batch at once. So a thread's cache holds some
 * thousands of each small size, and nothing else: of larger sizes it would fetch as many for a single use. It is not
 * drained between two batches either, since it would be filled again one by one. Few arenas and a short decay: what one
 * thread has freed serves another, or goes back to the system. */
extern const char *malloc_conf;
const char *malloc_conf = "tcache_max:1024,tcache_nslots_small_min:4000,tcache_nslots_small_max:8190,"
                          "lg_tcache_nslots_mul:6,tcache_gc_incr_bytes:8388608,narenas:4,dirty_decay_ms:1000";

int main(int argc, char **argv)
{
    /* hiredis writes to sockets whose other end may be closed. That is an error to handle, not a reason to exit. */
    signal(SIGPIPE, SIG_IGN);
    return command_main(argc, argv);
}

/* proxy_rules: how the proxy disturbs the connections. */
#ifndef TESTS_FAULTS_PROXY_RULES_H
#define TESTS_FAULTS_PROXY_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_RULES 8 /* of each direction */

enum direction { TO_SERVER, TO_CLIENT, DIRECTIONS };

enum frame_action { FRAME_PASS, FRAME_DROP, FRAME_DELAY, FRAME_RESET };

/* What happens to the requests of one kind (TO_SERVER) or to the answers to them (TO_CLIENT). */
struct frame_rule {
    enum frame_action action;
    int api_key;
    int delay_ms;
    long left; /* so many more; then the rule is at its end */
};

struct rules {
    bool hang[DIRECTIONS]; /* nothing is forwarded */
    bool refuse;           /* no listener, and open connections are reset */
    size_t slice_bytes;    /* longest piece that is sent at once; 0: any */
    int slice_pause_ms;    /* between two pieces */
    int delay_ms;          /* latency of each direction */
    size_t rate;           /* bytes per second of each direction and connection; 0: any */
    struct frame_rule frames[DIRECTIONS][FRAME_RULES];
    unsigned long matched; /* frames that met a rule, and connections that were reset or cut, since the start */
};

enum command { COMMAND_RULES, COMMAND_RESET, COMMAND_CUT, COMMAND_STATUS, COMMAND_WRONG };

/* Takes one line of the control socket, into the rules or, with a number, for the present connections only: they are to
 * be reset now, or after so many bytes to the client. COMMAND_STATUS: nothing changes. See the usage of the program. */
enum command rules_take(struct rules *rules, char *line, long *number);

/* The rule for a frame with this key, counted as met; NULL if none applies. */
const struct frame_rule *rules_meet(struct rules *rules, enum direction direction, int api_key);

#endif

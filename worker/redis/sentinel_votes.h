/* sentinel_votes: which server is the master, by the answers of the Sentinels of redis.address. It does no I/O.
 *
 * A server counts as the master if more than half of the Sentinels that the config lists name it, at the same address.
 * Each Sentinel counts, whether it answers or not: so any two such majorities have a Sentinel in common, on which the
 * proof in redis_sentinels.h rests, and fewer than half of them can lie without effect. */
#ifndef WORKER_REDIS_SENTINEL_VOTES_H
#define WORKER_REDIS_SENTINEL_VOTES_H

#include <hiredis/hiredis.h>

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/redis/redis_place.h"

enum sentinel_vote {
    VOTE_NONE,    /* not asked, or no answer that can be used; the reason is in `error` */
    VOTE_UNKNOWN, /* it does not know redis.master */
    VOTE_NAMED    /* it names `place` */
};

struct sentinel_answer {
    enum sentinel_vote vote;
    struct redis_place place;
    char error[96];
};

/* The answers, one for each entry of redis.address. */
struct sentinel_votes {
    struct sentinel_answer answers[REDIS_SENTINELS_MOST];
};

/* The answer to SENTINEL get-master-addr-by-name; NULL: there was none, and `error` is the reason. */
void sentinel_answer_read(struct sentinel_answer *answer, const redisReply *reply, const char *error);

/* More than half of `count`. */
size_t sentinel_votes_needed(size_t count);

/* How many of the Sentinels name the place. */
size_t sentinel_votes_for(const struct sentinel_votes *votes, const struct config *config,
                          const struct redis_place *place);

enum sentinel_verdict {
    SENTINELS_AGREE,
    SENTINELS_SILENT,         /* too few of them answer */
    SENTINELS_NO_SUCH_MASTER, /* none of those that answer knows redis.master */
    SENTINELS_DISAGREE
};

/* *master: the place that more than half of the Sentinels name. The reason is in `error` if there is none. */
MUST_CHECK enum sentinel_verdict sentinel_votes_count(const struct sentinel_votes *votes, const struct config *config,
                                                      struct redis_place *master, char *error, size_t error_size);

/* "HOST:PORT names HOST:PORT; HOST:PORT: Connection refused": each Sentinel that does not name `master`, which may be
 * NULL. "" if there is none. */
void sentinel_votes_text(const struct sentinel_votes *votes, const struct config *config,
                         const struct redis_place *master, char *text, size_t size);

#endif

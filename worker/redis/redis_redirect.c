#include "worker/redis/redis_redirect.h"

#include <string.h>

/* Longer texts before shorter ones with the same beginning. */
static const struct {
    const char *text;
    enum redis_redirect redirect;
} beginnings[] = {
    {"MOVED", REDIRECT_MOVED},       {"ASK", REDIRECT_ASK},
    {"TRYAGAIN", REDIRECT_TRYAGAIN}, {"CLUSTERDOWN Hash slot not served", REDIRECT_SLOT_DOWN},
    {"CLUSTERDOWN", REDIRECT_DOWN},  {"READONLY", REDIRECT_READONLY},
    {"LOADING", REDIRECT_LOADING},   {"MASTERDOWN", REDIRECT_MASTER_DOWN},
};

enum redis_redirect redis_redirect_of(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR)
        return REDIRECT_NONE;
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        const size_t length = strlen(beginnings[i].text);
        if (strncmp(reply->str, beginnings[i].text, length) == 0 &&
            (reply->str[length] == ' ' || reply->str[length] == '\0'))
            return beginnings[i].redirect;
    }
    return REDIRECT_NONE;
}

const char *redis_redirect_name(enum redis_redirect redirect)
{
    static const char *const names[] = {
        [REDIRECT_NONE] = "none",         [REDIRECT_MOVED] = "MOVED",           [REDIRECT_ASK] = "ASK",
        [REDIRECT_TRYAGAIN] = "TRYAGAIN", [REDIRECT_SLOT_DOWN] = "CLUSTERDOWN", [REDIRECT_DOWN] = "CLUSTERDOWN",
        [REDIRECT_READONLY] = "READONLY", [REDIRECT_LOADING] = "LOADING",       [REDIRECT_MASTER_DOWN] = "MASTERDOWN"};
    return names[redirect];
}

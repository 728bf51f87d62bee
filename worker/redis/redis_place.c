#include "worker/redis/redis_place.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "worker/config/config_table.h"

void redis_place_text(const struct redis_place *place, char text[REDIS_PLACE_BYTES])
{
    const bool is_ipv6 = strchr(place->host, ':') != NULL;
    snprintf(text, REDIS_PLACE_BYTES, is_ipv6 ? "[%s]:%d" : "%s:%d", place->host, place->port);
}

bool redis_place_is(const struct redis_place *one, const struct redis_place *other)
{
    return one->port == other->port && strcasecmp(one->host, other->host) == 0;
}

bool redis_place_take_host(struct redis_place *place, const char *text, size_t length)
{
    if (length == 0 || length >= sizeof(place->host))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!isascii((unsigned char)text[i]) || !isgraph((unsigned char)text[i]))
            return false;
    memcpy(place->host, text, length);
    place->host[length] = '\0';
    return true;
}

bool redis_place_of(const char *address, struct redis_place *place)
{
    char *host = NULL;
    const bool is_place =
        config_split_address(address, &host, &place->port) && redis_place_take_host(place, host, strlen(host));
    free(host);
    return is_place;
}

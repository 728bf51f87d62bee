#include "tests/live/replay_distort.h"

#include <jansson.h>
#include <string.h>

static char *dumped(json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);
    json_decref(value);
    return text;
}

char *reply_distorted(const char *reply, uint64_t index, const char *topic)
{
    json_t *value = json_loads(reply, JSON_ALLOW_NUL, NULL), *error;
    const char *code = "validation_failed";
    if (topic)
        json_object_set_new(json_object_get(value, "source"), "topic", json_string(topic));
    json_t *client = json_object_get(value, "client");
    json_t *errors = json_object_get(json_object_get(value, "error"), "errors");
    switch (index / 3 % 4) {
    case 0:
        if (client) {
            json_object_set_new(client, "givenName", json_string("Another"));
            json_object_set_new(client, "nickname~/", json_string("Gone"));
            json_object_del(json_object_get(client, "customFields"), "phone");
            return dumped(value);
        }
        if (json_array_size(errors) > 0) {
            json_object_set_new(json_array_get(errors, 0), "code", json_string("too_long"));
            return dumped(value);
        }
        break;
    case 1:
        if (client) {
            json_object_set_new(json_object_get(client, "customFields"), "services",
                                json_pack("[s,s,s]", "files", "mail", "more"));
            return dumped(value);
        }
        json_object_del(value, "error");
        json_object_set_new(value, "type", json_string("client.created"));
        json_object_set_new(value, "client",
                            json_pack("{s:s,s:s,s:{}}", "id", "x", "object", "client", "customFields"));
        return dumped(value);
    case 2:
        code = "unsupported_type";
        break;
    default:
        break;
    }
    error = json_pack("{s:s,s:s,s:b}", "code", code, "message", "for a test", "retryable", 0);
    if (strcmp(code, "validation_failed") == 0)
        json_object_set_new(error, "errors",
                            json_pack("[{s:s,s:s,s:s},{s:s,s:s,s:s}]", "path", "/customFields/pronouns", "code",
                                      "too_short", "message", "m", "path", "/email", "code", "required", "message",
                                      "m"));
    json_object_del(value, "client");
    json_object_set_new(value, "type", json_string("client.rejected"));
    json_object_set_new(value, "error", error);
    return dumped(value);
}

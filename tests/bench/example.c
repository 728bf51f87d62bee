#include "tests/bench/example.h"

#include <inttypes.h>
#include <stdio.h>

const char example_definitions[] =
    "{\"data\": ["
    "{\"id\": \"3b0d\", \"object\": \"customField\", \"key\": \"services\", \"name\": \"Services\","
    " \"type\": \"multiSelect\", \"order\": 0, \"entityType\": \"client\", \"options\": ["
    "{\"id\": \"1\", \"key\": \"fileSharing\", \"label\": \"File Sharing\", \"color\": \"rgba(204, 0, 0, 1)\"},"
    "{\"id\": \"2\", \"key\": \"metrics\", \"label\": \"Metrics\"}]},"
    "{\"id\": \"71cc\", \"key\": \"pronouns\", \"name\": \"Pronouns\", \"type\": \"text\", \"order\": 1},"
    "{\"id\": \"7b1f\", \"key\": \"phoneNumber\", \"name\": \"Phone\", \"type\": \"phoneNumber\", \"order\": 2},"
    "{\"id\": \"8465\", \"key\": \"address\", \"name\": \"Address\", \"type\": \"address\", \"order\": 3}]}";

size_t example_workspace(char *text, int64_t workspace)
{
    return (size_t)snprintf(text, EXAMPLE_BYTES, "load-%" PRId64, workspace);
}

size_t example_command(char *text, const char *run, int64_t number, int64_t workspace)
{
    return (size_t)snprintf(
        text, EXAMPLE_BYTES,
        "{\"commandId\": \"%s/%07" PRId64 "\", \"workspaceId\": \"load-%" PRId64 "\", \"sendInvite\": true,\n"
        " \"givenName\": \"Ada\", \"familyName\": \"Lovelace\", \"email\": \"ada.%s.%07" PRId64 "@example.com\",\n"
        " \"companyId\": \"29a80abc-8d1c\", \"customFields\": {\n"
        "   \"services\": [\"fileSharing\", \"metrics\"], \"pronouns\": \"She/Her/Hers\","
        " \"phoneNumber\": \"+14441234576\",\n"
        "   \"address\": {\"country\": \"US\", \"region\": \"New York\", \"postalCode\": \"10001\",\n"
        "     \"addressLine1\": \"1201 Broadway\", \"addressLine2\": \"704\", \"city\": \"New York\",\n"
        "     \"fullAddress\": \"1201 Broadway\\n704\\nNew York, New York, 10001\\nUnited States\"}}}",
        run, number, workspace, run, number);
}

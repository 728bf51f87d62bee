#include "worker/model/member.h"

#include <assert.h>

static const struct span names[MEMBER_COUNT] = {
    [MEMBER_COMMAND_ID] = {"commandId", 9},
    [MEMBER_WORKSPACE_ID] = {"workspaceId", 11},
    [MEMBER_TYPE] = {"type", 4},
    [MEMBER_SEND_INVITE] = {"sendInvite", 10},
    [MEMBER_GIVEN_NAME] = {"givenName", 9},
    [MEMBER_FAMILY_NAME] = {"familyName", 10},
    [MEMBER_EMAIL] = {"email", 5},
    [MEMBER_COMPANY_ID] = {"companyId", 9},
    [MEMBER_COMPANY_IDS] = {"companyIds", 10},
    [MEMBER_CUSTOM_FIELDS] = {"customFields", 12},
};

enum member member_find(struct span name)
{
    /* Lengths and first letters distinguish most names. */
    for (enum member member = 0; member < MEMBER_COUNT; member++)
        if (names[member].length == name.length && names[member].at[0] == name.at[0] &&
            memcmp(names[member].at, name.at, name.length) == 0)
            return member;
    return MEMBER_UNKNOWN;
}

struct span member_name(enum member member)
{
    assert(member < MEMBER_COUNT);
    return names[member];
}

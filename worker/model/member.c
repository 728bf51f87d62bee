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

/* Few names have the same length, and the compiler compares with a literal in two or three instructions. */
#define IS(literal) (memcmp(name.at, literal, sizeof(literal) - 1) == 0)

enum member member_find(struct span name)
{
    switch (name.length) {
    case 4:
        return IS("type") ? MEMBER_TYPE : MEMBER_UNKNOWN;
    case 5:
        return IS("email") ? MEMBER_EMAIL : MEMBER_UNKNOWN;
    case 9:
        return IS("commandId")   ? MEMBER_COMMAND_ID
               : IS("givenName") ? MEMBER_GIVEN_NAME
               : IS("companyId") ? MEMBER_COMPANY_ID
                                 : MEMBER_UNKNOWN;
    case 10:
        return IS("familyName")   ? MEMBER_FAMILY_NAME
               : IS("sendInvite") ? MEMBER_SEND_INVITE
               : IS("companyIds") ? MEMBER_COMPANY_IDS
                                  : MEMBER_UNKNOWN;
    case 11:
        return IS("workspaceId") ? MEMBER_WORKSPACE_ID : MEMBER_UNKNOWN;
    case 12:
        return IS("customFields") ? MEMBER_CUSTOM_FIELDS : MEMBER_UNKNOWN;
    default:
        return MEMBER_UNKNOWN;
    }
}

struct span member_name(enum member member)
{
    assert(member < MEMBER_COUNT);
    return names[member];
}

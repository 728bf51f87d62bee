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
    switch (name.length) {
    case 4:
        return span_is(name, "type") ? MEMBER_TYPE : MEMBER_UNKNOWN;
    case 5:
        return span_is(name, "email") ? MEMBER_EMAIL : MEMBER_UNKNOWN;
    case 9:
        return span_is(name, "commandId")   ? MEMBER_COMMAND_ID
               : span_is(name, "givenName") ? MEMBER_GIVEN_NAME
               : span_is(name, "companyId") ? MEMBER_COMPANY_ID
                                            : MEMBER_UNKNOWN;
    case 10:
        return span_is(name, "familyName")   ? MEMBER_FAMILY_NAME
               : span_is(name, "sendInvite") ? MEMBER_SEND_INVITE
               : span_is(name, "companyIds") ? MEMBER_COMPANY_IDS
                                             : MEMBER_UNKNOWN;
    case 11:
        return span_is(name, "workspaceId") ? MEMBER_WORKSPACE_ID : MEMBER_UNKNOWN;
    case 12:
        return span_is(name, "customFields") ? MEMBER_CUSTOM_FIELDS : MEMBER_UNKNOWN;
    default:
        return MEMBER_UNKNOWN;
    }
}

struct span member_name(enum member member)
{
    assert(member < MEMBER_COUNT);
    return names[member];
}

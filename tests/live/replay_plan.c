#include "tests/live/replay_plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_BACK 64

static const unsigned shares[PLAN_KINDS] = {
#define PLAN_ROW(kind, share) share,
    PLAN_TABLE(PLAN_ROW)
#undef PLAN_ROW
};

#define OPTION(key) "{\"id\":\"o-" key "\",\"key\":\"" key "\",\"label\":\"" key "\"}"
#define SERVICES(list)                                                                                                 \
    "{\"id\":\"d-1\",\"key\":\"services\",\"name\":\"Services\",\"type\":\"multiSelect\",\"options\":[" list "]}"
#define FIELD(key, type, more)                                                                                         \
    "{\"id\":\"d-" key "\",\"key\":\"" key "\",\"name\":\"" key "\",\"type\":\"" type "\"" more "}"
#define ALL      OPTION("mail") "," OPTION("metrics") "," OPTION("files")
#define FEWER    OPTION("mail") "," OPTION("metrics")
#define PRONOUNS FIELD("pronouns", "text", "")
#define SEATS    FIELD("seats", "number", "")
#define ADDRESS  FIELD("address", "address", "")
#define PHONE    FIELD("phone", "phoneNumber", "") "," ADDRESS

static const char *const definitions[PLAN_EPOCHS] = {
    "{\"data\":[" SERVICES(ALL) "," PRONOUNS "," SEATS "," PHONE "]}",
    "{\"data\":[" SERVICES(ALL) "," FIELD("pronouns", "text", ",\"rules\":{\"required\":true}") "," SEATS "," PHONE
                                                                                                "]}",
    "{\"data\":[" SERVICES(FEWER) "," PRONOUNS "," SEATS "," PHONE "]}",
    "{\"data\":[" SERVICES(ALL) "," PRONOUNS "," FIELD("seats", "number", ",\"rules\":{\"maximum\":50}") "," PHONE "]}",
    /* Members in another order. */
    "{\"data\":[" PHONE "," SEATS "," PRONOUNS "," SERVICES(ALL) "]}",
    "{\"data\":[" SERVICES(ALL) "," FIELD("pronouns", "text", ",\"rules\":{\"maxLength\":3}") "," SEATS "," PHONE "]}",
    /* The first ones again. */
    "{\"data\":[" SERVICES(ALL) "," PRONOUNS "," SEATS "," PHONE "]}",
    /* Other values: a text where the others have a number. */
    "{\"data\":[" SERVICES(ALL) "," PRONOUNS "," FIELD("seats", "text", "") "," PHONE "]}",
    "{\"data\":[" FIELD("seats", "nothing", "") "]}", NULL,
    "{\"data\":[" SERVICES(ALL) "," PRONOUNS "," SEATS
                                "," FIELD("phone", "phoneNumber", ",\"rules\":{\"countries\":[\"US\"]}") "," ADDRESS
                                                                                                         "]}"};

static bool definitions_are_usable(const char *text)
{
    return text && !strstr(text, "nothing");
}

const char *plan_definitions(const struct plan *plan, unsigned epoch)
{
    bool is_clean = plan->is_clean && !definitions_are_usable(definitions[epoch]);
    return definitions[is_clean ? epoch - 5 : epoch];
}

bool plan_definitions_are_usable(const struct plan *plan, unsigned epoch)
{
    return definitions_are_usable(plan_definitions(plan, epoch));
}

bool plan_is_bare(const struct plan *plan, unsigned workspace)
{
    return workspace == plan->workspaces - 1 && !plan->is_clean;
}

uint64_t plan_epoch_begin(const struct plan *plan, unsigned epoch)
{
    return (plan->count * epoch + PLAN_EPOCHS - 1) / PLAN_EPOCHS;
}

/* SplitMix64. */
static uint64_t mixed(const struct plan *plan, uint64_t index)
{
    uint64_t number = (plan->seed << 32) + (index + 1) * 0x9e3779b97f4a7c15u;
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9u;
    number = (number ^ number >> 27) * 0x94d049bb133111ebu;
    return number ^ number >> 31;
}

static enum plan_kind kind_of(const struct plan *plan, uint64_t index)
{
    unsigned drawn = (unsigned)(mixed(plan, index) % 1000);
    if (plan->is_clean)
        return PLAN_PLAIN;
    int kind = 0;
    for (; drawn >= shares[kind]; kind++)
        drawn -= shares[kind];
    /* A transaction takes long, so a long history has few. */
    bool is_aborted = kind == PLAN_ABORTED || kind == PLAN_ABORTED_REPLY;
    return is_aborted && index % (1 + plan->count / 5000) != 0 ? PLAN_PLAIN : (enum plan_kind)kind;
}

/* The latest plain command of the workspace before this one. */
static bool find_earlier(const struct plan *plan, uint64_t index, uint64_t *earlier)
{
    *earlier = index;
    for (int i = 0; i < LOOK_BACK && *earlier >= plan->workspaces; i++) {
        *earlier -= plan->workspaces;
        if (kind_of(plan, *earlier) == PLAN_PLAIN)
            return true;
    }
    return false;
}

static void append(char *text, const char *format, ...)
{
    va_list arguments;
    size_t length = strlen(text);
    va_start(arguments, format);
    vsnprintf(text + length, PLAN_BYTES - length, format, arguments);
    va_end(arguments);
}

/* What the fields are decides under which definitions the command is valid. */
static void append_fields(const struct plan *plan, char *text, uint64_t index)
{
    static const char *const services[] = {"[\"mail\"]", "[\"metrics\",\"mail\"]", "[\"files\"]",
                                           "[\"mail\",\"mail\"]"};
    static const char *const pronouns[] = {"\"pronouns\":\"it\",", "\"pronouns\":\"they/them\",", "",
                                           "\"pronouns\":null,"};
    static const char *const seats[] = {"\"seats\":7,", "\"seats\":\"012\",", "\"seats\":80,", ""};
    static const char *const phones[] = {"+14441234576", "+49 30 1234567", "+1 (444) 123-4576", "+442079460000"};
    static const char *const addresses[] = {
        "\"address\":{\"country\":\"us\",\"region\":\"NY\",\"postalCode\":\"10001\",\"addressLine1\":\"1201 Broadway\","
        "\"addressLine2\":\"704\",\"city\":\"New York\",\"fullAddress\":\"1201 Broadway\\n704\\nNew York, New York, "
        "10001\"},",
        "\"address\":{\"country\":\"CA\",\"postalCode\":\"k1a0b1\",\"fullAddress\":\"Ottawa\"},",
        "\"address\":\"221B Baker Street\",", "\"address\":\"\","};
    uint64_t drawn = mixed(plan, index) / 1000;
    append(text, ",\"customFields\":{%s%s%s\"services\":%s,\"phone\":\"%s\"}", addresses[drawn / 256 % 4],
           pronouns[drawn % 4], seats[drawn / 4 % 4], services[drawn / 16 % 4], phones[drawn / 64 % 4]);
}

static void append_person(char *text, uint64_t index, uint64_t email)
{
    append(text, "\"givenName\":\"Ada %llu\",\"familyName\":\" Lovelace\",\"email\":\"c%llu@Example.com\"",
           (unsigned long long)index, (unsigned long long)email);
}

static void append_body(const struct plan *plan, const struct planned *planned, char *text, uint64_t index)
{
    append_person(text, planned->kind == PLAN_DUPLICATE ? planned->earlier : index,
                  planned->kind == PLAN_EMAIL_TAKEN ? planned->earlier : index);
    if (planned->kind == PLAN_BAD)
        append(text, ",\"nickname\":\"A\",\"companyId\":7");
    if (planned->gives_fields)
        append_fields(plan, text, index);
}

static void make_value(const struct plan *plan, struct planned *planned, uint64_t index)
{
    const char *workspace = planned->workspace_name;
    char ids[160] = "{", *value = planned->value;
    switch (planned->kind) {
    case PLAN_IDS_IN_HEADERS:
        planned->ids_are_headers = true;
        break;
    case PLAN_WORKSPACE_IS_KEY:
        snprintf(ids, sizeof(ids), "{\"commandId\":\"%s\",", planned->id);
        break;
    case PLAN_WITHOUT_ID:
        snprintf(ids, sizeof(ids), "{\"workspaceId\":\"%s\",", workspace);
        break;
    case PLAN_WITHOUT_WORKSPACE:
        planned->has_key = false;
        snprintf(ids, sizeof(ids), "{\"commandId\":\"%s\",", planned->id);
        break;
    case PLAN_CLOUDEVENT:
        snprintf(ids, sizeof(ids), "{\"specversion\":\"1.0\",\"id\":\"%s\",\"workspaceid\":\"%s\",\"data\":{",
                 planned->id, workspace);
        break;
    default:
        snprintf(ids, sizeof(ids), "{\"commandId\":\"%s\",\"workspaceId\":\"%s\",", planned->id, workspace);
    }
    append(value, "%s", ids);
    append_body(plan, planned, value, planned->kind == PLAN_DUPLICATE ? planned->earlier : index);
    append(value, planned->kind == PLAN_CLOUDEVENT ? "}}" : "}");
    if (planned->kind == PLAN_OTHER_TYPE)
        snprintf(value, PLAN_BYTES, "{\"commandId\":\"%s\",\"workspaceId\":\"%s\",\"type\":\"delete-client\"}",
                 planned->id, workspace);
}

/* The line says itself what headers and key say of the value, which is here the command without what `validate` is not
 * to see. */
static void make_line(struct planned *planned)
{
    const char *rest = strchr(planned->value, '{') + 1;
    if (planned->kind == PLAN_IDS_IN_HEADERS)
        append(planned->line, "{\"commandId\":\"%s\",\"workspaceId\":\"%s\",%s", planned->id, planned->workspace_name,
               rest);
    else if (planned->kind == PLAN_WORKSPACE_IS_KEY)
        append(planned->line, "{\"workspaceId\":\"%s\",%s", planned->workspace_name, rest);
    else
        append(planned->line, "%s", planned->value);
}

static void make_unreadable(struct planned *planned)
{
    static const char not_utf_8[] = "{\"commandId\":\"\xff\xfe\"}";
    if (planned->kind == PLAN_GARBAGE)
        append(planned->value, "{\"commandId\":\"%s\", garbage", planned->id);
    else if (planned->kind == PLAN_BLANK)
        append(planned->value, "  ");
    else if (planned->kind == PLAN_NOT_UTF_8)
        append(planned->value, "%s", not_utf_8);
    planned->is_null = planned->kind == PLAN_TOMBSTONE;
}

void plan_command(const struct plan *plan, uint64_t index, struct planned *planned)
{
    unsigned workspace = (unsigned)(index % plan->workspaces);
    *planned = (struct planned){.kind = kind_of(plan, index),
                                .workspace = workspace,
                                .partition = (int32_t)(workspace % plan->partitions),
                                .ts = PLAN_START + (int64_t)index * PLAN_STEP,
                                .has_key = true};
    bool refers =
        planned->kind == PLAN_DUPLICATE || planned->kind == PLAN_CONFLICT || planned->kind == PLAN_EMAIL_TAKEN;
    if (refers && !find_earlier(plan, index, &planned->earlier))
        planned->kind = PLAN_PLAIN;
    while (planned->epoch + 1 < PLAN_EPOCHS && index >= plan_epoch_begin(plan, planned->epoch + 1))
        planned->epoch++;
    bool is_same_id = planned->kind == PLAN_DUPLICATE || planned->kind == PLAN_CONFLICT;
    snprintf(planned->id, sizeof(planned->id), "import-%llu",
             (unsigned long long)(is_same_id ? planned->earlier : index));
    snprintf(planned->workspace_name, sizeof(planned->workspace_name), "ws-%u", workspace);
    if (planned->kind == PLAN_GARBAGE || planned->kind == PLAN_TOMBSTONE || planned->kind == PLAN_BLANK ||
        planned->kind == PLAN_NOT_UTF_8) {
        make_unreadable(planned);
    } else {
        /* The bare workspace gives some, too, which is an error there. A duplicate is the same in everything. */
        uint64_t body = planned->kind == PLAN_DUPLICATE ? planned->earlier : index;
        planned->gives_fields = mixed(plan, body) / 1000000 % 8 != 0;
        bool gives = planned->gives_fields;
        planned->gives_fields =
            gives && plan_definitions_are_usable(plan, planned->epoch) && !plan_is_bare(plan, workspace);
        make_value(plan, planned, index);
        make_line(planned);
        planned->gives_fields = gives;
        planned->value[0] = '\0';
        make_value(plan, planned, index);
    }
    planned->value_length = strlen(planned->value);
}

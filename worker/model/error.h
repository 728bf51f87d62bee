/* error: every code that a reply can carry, in one table. A new code is one row here and one in docs/rules.md, which
 * a test compares with this table. */
#ifndef WORKER_MODEL_ERROR_H
#define WORKER_MODEL_ERROR_H

#include <stdbool.h>

/* ROW(name, code in the reply, scope, whether the same command may succeed later, whether the command goes to the
 * dead letters, when it occurs) */
#define ERROR_TABLE(ROW)                                                                                               \
    ROW(MALFORMED_JSON, "malformed_json", COMMAND, false, true,                                                        \
        "not JSON, not UTF-8, a lone surrogate, a duplicate member, deeper than 16, not an object, no value")          \
    ROW(TOO_LARGE, "too_large", COMMAND, false, true,                                                                  \
        "over limits.command_bytes, or a client that does not fit into its topic")                                     \
    ROW(UNSUPPORTED_TYPE, "unsupported_type", COMMAND, false, false, "a command type other than create-client")        \
    ROW(VALIDATION_FAILED, "validation_failed", COMMAND, false, false,                                                 \
        "one or more values are not valid; errors lists them")                                                         \
    ROW(DEFINITIONS_MISSING, "definitions_missing", COMMAND, true, false,                                              \
        "custom fields given, but the workspace has no usable definitions")                                            \
    ROW(EMAIL_TAKEN, "email_taken", COMMAND, false, false, "another client of the workspace has this email")           \
    ROW(COMMAND_ID_CONFLICT, "command_id_conflict", COMMAND, false, false,                                             \
        "this command id already created a client from a different body")                                              \
    ROW(REQUIRED, "required", VALUE, false, false, "required, but missing, null or blank")                             \
    ROW(TYPE_MISMATCH, "type_mismatch", VALUE, false, false, "another JSON type is expected")                          \
    ROW(ID_SYNTAX, "id_syntax", VALUE, false, false, "a command id or workspace id of the wrong form")                 \
    ROW(UNKNOWN_FIELD, "unknown_field", VALUE, false, false, "no custom field of the workspace has this key")          \
    ROW(UNKNOWN_ATTRIBUTE, "unknown_attribute", VALUE, false, false, "no such member in a command or an address")      \
    ROW(TOO_LONG, "too_long", VALUE, false, false, "longer than allowed")                                              \
    ROW(TOO_SHORT, "too_short", VALUE, false, false, "shorter than allowed")                                           \
    ROW(CONTROL_CHARACTER, "control_character", VALUE, false, false, "holds a control character")                      \
    ROW(COMPANY_CONFLICT, "company_conflict", VALUE, false, false, "companyId is not the first of companyIds")         \
    ROW(NUMBER_SYNTAX, "number_syntax", VALUE, false, false, "a string that is not a JSON number")                     \
    ROW(NUMBER_RANGE, "number_range", VALUE, false, false, "beyond binary64, or outside minimum and maximum")          \
    ROW(NUMBER_PRECISION, "number_precision", VALUE, false, false, "the decimal does not survive binary64")            \
    ROW(NUMBER_INTEGER, "number_integer", VALUE, false, false, "not a whole number where the field asks for one")      \
    ROW(EMAIL_SYNTAX, "email_syntax", VALUE, false, false, "not local-part@domain, or the local part is not valid")    \
    ROW(EMAIL_DOMAIN, "email_domain", VALUE, false, false,                                                             \
        "the domain is not a valid host name of two labels or more")                                                   \
    ROW(URL_SYNTAX, "url_syntax", VALUE, false, false, "not an absolute URL")                                          \
    ROW(URL_SCHEME, "url_scheme", VALUE, false, false, "neither http nor https")                                       \
    ROW(URL_HOST, "url_host", VALUE, false, false, "the host is not a valid name or address")                          \
    ROW(URL_CREDENTIALS, "url_credentials", VALUE, false, false, "holds a user name or password")                      \
    ROW(PHONE_PLUS, "phone_plus", VALUE, false, false, "does not begin with + and the calling code")                   \
    ROW(PHONE_CHARACTER, "phone_character", VALUE, false, false, "holds something other than digits and separators")   \
    ROW(PHONE_COUNTRY_CODE, "phone_country_code", VALUE, false, false, "does not begin with a country calling code")   \
    ROW(PHONE_LENGTH, "phone_length", VALUE, false, false,                                                             \
        "too short, too long, or of a length that is not in use there")                                                \
    ROW(PHONE_AREA_CODE, "phone_area_code", VALUE, false, false,                                                       \
        "no number of that calling code begins with these digits")                                                     \
    ROW(ADDRESS_COUNTRY, "address_country", VALUE, false, false, "not an ISO 3166-1 alpha-2 code")                     \
    ROW(ADDRESS_PART_NOT_ALLOWED, "address_part_not_allowed", VALUE, false, false,                                     \
        "address parts are for US, CA, AU, GB and NZ only")                                                            \
    ROW(ADDRESS_REGION, "address_region", VALUE, false, false, "no such state, province or territory in that country") \
    ROW(ADDRESS_POSTAL_CODE, "address_postal_code", VALUE, false, false, "not a postal code of that country")          \
    ROW(COUNTRY_NOT_ALLOWED, "country_not_allowed", VALUE, false, false,                                               \
        "the field's rules do not allow this country")                                                                 \
    ROW(OPTION_UNKNOWN, "option_unknown", VALUE, false, false, "not the key of an option of the field")                \
    ROW(TOO_FEW, "too_few", VALUE, false, false, "fewer options selected than the field asks for")                     \
    ROW(TOO_MANY, "too_many", VALUE, false, false, "more options selected than the field allows")

enum error_scope { ERROR_SCOPE_COMMAND, ERROR_SCOPE_VALUE };

enum error {
    ERROR_NONE,
#define ERROR_ROW(name, code, scope, retryable, dead_letter, when) ERROR_##name,
    ERROR_TABLE(ERROR_ROW)
#undef ERROR_ROW
        ERROR_COUNT
};

struct error_row {
    const char *code;
    enum error_scope scope; /* in error.code, or in error.errors[].code */
    bool retryable;
    bool dead_letter; /* the command also goes to the dead-letter topic */
    const char *when;
};

/* The row of a code; never ERROR_NONE. Static. */
const struct error_row *error_row(enum error error);

/* True if commands with this error go to the dead letters; false for ERROR_NONE. */
bool error_is_dead_letter(enum error error);

#endif

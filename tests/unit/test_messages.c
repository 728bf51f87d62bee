/* Every error that a reply can carry, as the sender reads it: no character of a message is invisible, at most 64
 * bytes of a value are repeated, and the message says what would be right. */
#include "tests/unit/evaluating.h"

#include <regex.h>
#include <stdio.h>

#include "common/quote.h"
#include "tests/unit/colliding_names.h"
#include "tests/unit/visible.h"
#include "worker/index/claim.h"

/* The position of a row's hostile values. */
#define HERE "\x7f"

#define PERSON                                                                                                         \
    "\"workspaceId\":\"acme\",\"givenName\":\"Ada\",\"familyName\":\"Lovelace\",\"email\":\"ada@example.com\""
#define COMMAND(x) "{" PERSON "," x "}"
#define FIELDS(x)  COMMAND("\"customFields\":{" x "}")
#define EMAIL(x)   "{\"workspaceId\":\"acme\",\"givenName\":\"Ada\",\"familyName\":\"B\",\"email\":\"" x "\"}"
#define PHONE(x)   FIELDS("\"phone\":\"" x "\"")
#define ADDRESS(x) FIELDS("\"address\":{\"fullAddress\":\"1 A St\"," x "}")
#define US(x)      FIELDS("\"home\":{\"country\":\"US\",\"fullAddress\":\"1 A St\"," x "}")
#define GB(x)      FIELDS("\"home\":{\"country\":\"GB\",\"fullAddress\":\"1 A St\"," x "}")
#define URL(x)     FIELDS("\"url\":\"" x "\"")
#define NUMBER(x)  FIELDS("\"number\":" x)
#define CHOICE(x)  FIELDS("\"services\":[" x "]")

/* 200 digits. */
#define FIFTY  "01234567890123456789012345678901234567890123456789"
#define DIGITS FIFTY FIFTY FIFTY FIFTY

static const char definitions_json[] =
    "[{\"key\":\"services\",\"type\":\"multiSelect\",\"rules\":{\"minSelected\":1,\"maxSelected\":2},\"options\":["
    "{\"key\":\"fileSharing\"},{\"key\":\"metrics\"},{\"key\":\"e\xcc\x81\"},{\"key\":\"a\xe2\x80\x8b\"}]},"
    "{\"key\":\"pronouns\",\"type\":\"text\",\"rules\":{\"minLength\":2,\"maxLength\":8}},"
    "{\"key\":\"phone\",\"type\":\"phoneNumber\"},{\"key\":\"work\",\"name\":\"Work phone\",\"type\":\"phoneNumber\","
    "\"rules\":{\"countries\":[\"CA\",\"DE\",\"FR\",\"GB\",\"IT\",\"JP\",\"MX\",\"NL\",\"PL\",\"SE\",\"CH\",\"US\"]}},"
    "{\"key\":\"address\",\"type\":\"address\",\"rules\":{\"countries\":[\"FR\",\"DE\"]}},"
    "{\"key\":\"home\",\"type\":\"address\"},"
    "{\"key\":\"number\",\"type\":\"number\",\"rules\":{\"minimum\":-5,\"maximum\":1e300}},"
    "{\"key\":\"count\",\"type\":\"number\",\"rules\":{\"integer\":true}},"
    "{\"key\":\"pair\",\"type\":\"multiSelect\",\"options\":[{\"key\":\"p1\"},{\"key\":\"p2\"}],"
    "\"rules\":{\"minSelected\":2}},"
    "{\"key\":\"mail\",\"type\":\"email\"},{\"key\":\"url\",\"type\":\"url\"},"
    "{\"key\":\"list\",\"type\":\"multiSelect\",\"options\":[{\"key\":\"o1\"},{\"key\":\"o2\"},{\"key\":\"o3\"},"
    "{\"key\":\"o4\"},{\"key\":\"o5\"},{\"key\":\"o6\"},{\"key\":\"o7\"},{\"key\":\"o8\"},{\"key\":\"o9\"},"
    "{\"key\":\"p1\"},{\"key\":\"p2\"},{\"key\":\"p3\"}]}]";

/* The context in which a row is evaluated. */
enum how {
    PLAIN, /* with the definitions above */
    WITHOUT_DEFINITIONS,
    WITH_BROKEN_DEFINITIONS,
    WITH_LITTLE_ROOM,   /* limits.command_bytes is 1 KiB */
    WITH_TAKEN_EMAIL,   /* and the store finds another client with this email */
    WITH_LARGE_CLIENT,  /* and its topic has refused the client as too large */
    WITH_HUGE_CLIENT,   /* and the producer's own limit has */
    WITH_ANOTHER_CLIENT /* and the store finds a client of this id from another body */
};

/* A command, its first error, and a part of that error's message. */
static const struct row {
    enum error error;
    enum how how;
    struct span command;
    const char *says;
} rows[] = {
    /* Values that are not commands. */
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":" HERE), "at byte 5: it ends too early, must be a whole JSON object"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("\xef\xbb\xbf{}" HERE),
     "at byte 0 with a UTF-8 byte-order mark, must be a JSON object without one"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("\xff\xfe{\0}\0"), "a UTF-16 byte-order mark, must be a JSON object in UTF-8"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("\xff\xfe\0\0{\0\0\0"), "a UTF-32 byte-order mark"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\0\"\0a\0"), "UTF-16 text"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN(""), "the value is empty, must be a JSON object"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN(" \n"), "nothing but white space up to byte 2, must be a JSON object"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("\0\0\0\1\2\xaa\x02"),
     "(magic byte 0, schema 258), as of Avro or Protobuf, must be"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("\0\0\0\0\7{\"a\":1}"),
     "(magic byte 0, schema 7), must be "
     "the JSON behind it alone"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("Obj\1\4\x14"), "an Avro file, must be"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("\xc3\1\xaa\xbb"), "an Avro record"},
    {ERROR_MALFORMED_JSON, PLAIN,
     SPAN("\x0a\x03"
          "Ada\x12\x02Lo\x18\x01"),
     "looks like Protobuf from byte 0 on, must be"},
    {ERROR_MALFORMED_JSON, PLAIN,
     SPAN("\x06"
          "Ada\x10"),
     "binary data (0x06 0x41), "
     "perhaps Avro or "
     "Protobuf, must be"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("\x1f\x8b\x08"), "gzip data, must be"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("\x28\xb5\x2f\xfd\0"), "Zstandard (zstd) data, must be"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("<client>"), "XML or HTML, must be"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("%7B%22a%22%3A1%7D"), "percent-encoded text, must be"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("givenName=Ada&familyName=Lovelace"),
     "it looks like a form's fields, must be a JSON object"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("hello"),
     "at byte 0: \"h\" does not fit "
     "there; a word must be in "
     "double quotes, or be true"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":NaN}"),
     "at byte 5: \"N\" does not fit there; a word must be in double quotes, or be"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":007}"),
     "at byte 6: \"0\" does not fit there; a number must be like 12, -0.5 or 6e23, and anything else in double quotes"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":+1}"), "at byte 5: \"+\" does not fit there; a number must be like"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":.5}"), "at byte 5: \".\" does not fit there; a number must be like"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":[1, 2.]}"),
     "at byte 11: \"]\" does not fit there; a number must be like"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":1e}"), "at byte 7: \"}\" does not fit there; a number must be like"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":0x1F}"), "at byte 6: \"x\" does not fit there; a number must be like"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":-Infinity}"),
     "at byte 6: \"I\" does not fit there; a number must be like"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":2026-11-23}"),
     "at byte 9: \"-\" does not fit there; a number must be like"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":1,5}"), "at byte 7: \"5\" does not fit there, must be a JSON object"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":1 2}"), "at byte 7: \"2\" does not fit there, must be a JSON object"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{'a':1}"),
     "at byte 1: \"'\" does not fit there; strings and names must be in double quotes"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{givenName:1}"),
     "at byte 1: \"g\" does not fit there; names and strings must be in double "
     "quotes"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":1,}"),
     "at byte 7: \"}\" does not fit there; no comma must stand before "
     "it"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":1}\n{\"a\":1}"),
     "at byte 8: \"{\" does not fit there; must be one "
     "object, not several"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":\"b\nc\"}"),
     "at byte 7: U+000A does not fit there; inside a string it must be an "
     "escape"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":1\xc2\xa0}"), "at byte 6: U+00A0 does not fit there, must be"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":1 // one\n}"), "comments must be left out"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":\"\xff\"}"),
     "not UTF-8 at byte 6, which is 0xFF; must be UTF-8 throughout"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":\"\\ud800\"}"),
     "half a surrogate pair at byte 6, must stand with the other half"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a" HERE "\":1,\"a" HERE "\":2}"),
     "twice in one object at byte 7: \"a\", must stand once"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}"),
     "too deep at byte 20, must be at most 16 levels deep"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("[{" PERSON "}]"), "a JSON array from byte 0 on, must be one JSON object"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("\"{}\""),
     "a JSON string from byte 0 on, must be a JSON "
     "object"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("7"), "must be"},
    {ERROR_MALFORMED_JSON, PLAIN, SPAN("{\"specversion\":\"1.0\",\"data\":\"" HERE "\"}"),
     "the CloudEvent's data must be a JSON object"},
    {ERROR_TOO_LARGE, WITH_LITTLE_ROOM, SPAN(COMMAND("\"companyId\":\"" HERE DIGITS DIGITS DIGITS DIGITS DIGITS "\"")),
     "more than the 1024 bytes that are "
     "allowed"},
    {ERROR_UNSUPPORTED_TYPE, PLAIN,
     SPAN(COMMAND("\"type\":\"update-"
                  "client" HERE "\"")),
     "\"update-client\" is "
     "not supported, only "
     "create-client is"},
    {ERROR_UNSUPPORTED_TYPE, PLAIN, SPAN(COMMAND("\"type\":7")), "must be the string create-client"},
    {ERROR_VALIDATION_FAILED, PLAIN, SPAN("{}"), "values are not valid"},
    {ERROR_DEFINITIONS_MISSING, WITHOUT_DEFINITIONS, SPAN(PHONE("+12025550123" HERE)),
     "must have some before custom "
     "fields can"},
    {ERROR_DEFINITIONS_MISSING, WITH_BROKEN_DEFINITIONS, SPAN(PHONE("+12025550123" HERE)), "must be mended first"},
    {ERROR_EMAIL_TAKEN, WITH_TAKEN_EMAIL,
     SPAN(COMMAND("\"companyId\":"
                  "\"c" HERE "\"")),
     "must be one that no "
     "client has"},
    {ERROR_COMMAND_ID_CONFLICT, WITH_ANOTHER_CLIENT,
     SPAN(COMMAND("\"commandId\":"
                  "\"c" HERE "\"")),
     "must be a new id "
     "for a new client"},
    {ERROR_TOO_LARGE, WITH_LARGE_CLIENT,
     SPAN(FIELDS("\"pronouns\":\"she\",\"list\":[\"o1\",\"o2\",\"o3\",\"" HERE "\"]")),
     "does not fit into a message of the topic it would go to, it takes about 1048700 bytes, must take fewer; the "
     "longest of its values is customFields/list with "},
    {ERROR_TOO_LARGE, WITH_HUGE_CLIENT, SPAN(COMMAND("\"companyId\":\"" DIGITS HERE "\"")),
     "it takes about 1048700 bytes, must take 1000000 at most; the longest of its values is companyId with 20"},
    /* What is wrong with a value. */
    {ERROR_REQUIRED, PLAIN,
     SPAN("{\"workspaceId\":\"acme\",\"givenName\":\" " HERE "\",\"familyName\":\"B\",\"email\":\"a@b.example\"}"),
     "must not be missing or blank"},
    {ERROR_REQUIRED, PLAIN, SPAN("{\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"a@b.example\"}"),
     "must be given by header workspace-id"},
    {ERROR_TYPE_MISMATCH, PLAIN, SPAN(NUMBER("[\"" HERE "\"]")),
     "must be a number, or a string that holds one, not an array"},
    {ERROR_ID_SYNTAX, PLAIN,
     SPAN("{\"workspaceId\":\"ac me" HERE "\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"a@b.example\"}"),
     "must have 1 to 64 of the characters A-Z a-z 0-9 _ . -, not \" \""},
    {ERROR_ID_SYNTAX, PLAIN, SPAN(COMMAND("\"commandId\":\"a\\u0007" HERE "\"")),
     "must not hold the control character U+0007"},
    {ERROR_UNKNOWN_FIELD, PLAIN, SPAN(FIELDS("\"Phone" HERE "\":1")), "; did you mean phone?"},
    {ERROR_UNKNOWN_FIELD, PLAIN, SPAN(FIELDS("\"Work phone\":1")), "; did you mean work?"},
    {ERROR_UNKNOWN_FIELD, PLAIN, SPAN(FIELDS("\"phonenumber\":1")), "; did you mean phone or number?"},
    {ERROR_UNKNOWN_FIELD, PLAIN, SPAN(FIELDS("\"pronoun\":1")), "; did you mean pronouns?"},
    {ERROR_UNKNOWN_FIELD, PLAIN, SPAN(FIELDS("\"given_name\":1")), ", must stand beside customFields, as givenName"},
    {ERROR_UNKNOWN_FIELD, PLAIN, SPAN(FIELDS("\"zzzzzzzzzz\":1")), ", must be one of "},
    {ERROR_UNKNOWN_FIELD, PLAIN, SPAN(FIELDS("\"zzzzzzzzzz\":1")), " or 2 others"},
    {ERROR_UNKNOWN_ATTRIBUTE, PLAIN, SPAN(COMMAND("\"firstName" HERE "\":1")), "; did you mean givenName?"},
    {ERROR_UNKNOWN_ATTRIBUTE, PLAIN, SPAN(COMMAND("\"last_name\":1")), "; did you mean familyName?"},
    {ERROR_UNKNOWN_ATTRIBUTE, PLAIN, SPAN(COMMAND("\"Mail\":1")), ", must stand inside customFields, as mail"},
    {ERROR_UNKNOWN_ATTRIBUTE, PLAIN, SPAN(COMMAND("\"EMail\":1")), "; did you mean email?"},
    {ERROR_UNKNOWN_ATTRIBUTE, PLAIN, SPAN(COMMAND("\"sendInvites\":1")), "; did you mean sendInvite?"},
    {ERROR_UNKNOWN_ATTRIBUTE, PLAIN, SPAN(COMMAND("\"Pronouns\":1")), ", must stand inside customFields, as pronouns"},
    {ERROR_UNKNOWN_ATTRIBUTE, PLAIN, SPAN(COMMAND("\"zzzzzzzzzzzz\":1")), ", must be one of "},
    {ERROR_UNKNOWN_ATTRIBUTE, PLAIN, SPAN(US("\"zip" HERE "\":\"10001\"")), "; did you mean postalCode?"},
    {ERROR_UNKNOWN_ATTRIBUTE, PLAIN, SPAN(US("\"adressLine1\":\"\"")), "; did you mean addressLine1?"},
    {ERROR_UNKNOWN_ATTRIBUTE, PLAIN, SPAN(US("\"zzzzzzzzzzzz\":\"\"")), ", must be one of "},
    {ERROR_TOO_LONG, PLAIN, SPAN(FIELDS("\"pronouns\":\"123456789" HERE "\"")),
     "must have at most 8 characters, not 9"},
    {ERROR_TOO_SHORT, PLAIN, SPAN(FIELDS("\"pronouns\":\"1\"")), "must have at least 2 characters, not 1"},
    {ERROR_CONTROL_CHARACTER, PLAIN, SPAN(FIELDS("\"pronouns\":\"a\\u0007" HERE "\"")),
     "must not hold the control character U+0007"},
    {ERROR_COMPANY_CONFLICT, PLAIN, SPAN(COMMAND("\"companyId\":\"a\",\"companyIds\":[\"b" HERE "\"]")),
     "must be the first of companyIds, \"b\""},
    {ERROR_NUMBER_SYNTAX, PLAIN, SPAN(NUMBER("\"seven" HERE "\"")),
     "\"s\" has no place in a number, which must be one like 12"},
    {ERROR_NUMBER_SYNTAX, PLAIN, SPAN(NUMBER("\"1,234.5" HERE "\"")), "nothing between thousands"},
    {ERROR_NUMBER_SYNTAX, PLAIN, SPAN(NUMBER("\"1 234\"")), "nothing between thousands"},
    {ERROR_NUMBER_SYNTAX, PLAIN,
     SPAN(NUMBER("\"1\xc2\xa0"
                 "234\"")),
     "U+00A0 has no place in a number"},
    {ERROR_NUMBER_RANGE, PLAIN, SPAN(NUMBER("1e309")), "must be between"},
    {ERROR_NUMBER_RANGE, PLAIN, SPAN(NUMBER("-7")), "must be at least -5, not -7"},
    {ERROR_NUMBER_PRECISION, PLAIN, SPAN(NUMBER("1e-400")),
     "would become 0, must be a number that binary64 keeps: 0, or one not so near to 0"},
    {ERROR_NUMBER_PRECISION, PLAIN, SPAN(NUMBER("1152921504606846976")),
     "would become 1152921504606847000, must be a number that binary64 keeps: any of up to 15 digits is"},
    {ERROR_NUMBER_INTEGER, PLAIN, SPAN(FIELDS("\"count\":1.5")), "must be a whole number, not 1.5"},
    {ERROR_EMAIL_SYNTAX, PLAIN, SPAN(EMAIL("a\xc3\xa4@b.example" HERE)),
     "\"\xc3\xa4\" (U+00E4) has no place before the @, where must be ASCII letters"},
    {ERROR_EMAIL_SYNTAX, PLAIN, SPAN(EMAIL("a\xe2\x80\x8b@b.example")), "U+200B has no place before the @"},
    {ERROR_EMAIL_SYNTAX, PLAIN, SPAN(EMAIL("a b@c.example")), "\" \" has no place before the @"},
    {ERROR_EMAIL_SYNTAX, PLAIN, SPAN(EMAIL(HERE "ada.example.com")), "holds no @, must be like ada@example.com"},
    {ERROR_EMAIL_SYNTAX, PLAIN, SPAN(EMAIL("a@b@c.example" HERE)),
     "holds more than one @, must be like ada@example.com"},
    {ERROR_EMAIL_SYNTAX, PLAIN, SPAN(EMAIL("a..b@c.example")), "must have neither"},
    {ERROR_EMAIL_SYNTAX, PLAIN, SPAN(EMAIL("@c.example")),
     "has nothing before the @, must be like "
     "ada@example.com"},
    {ERROR_EMAIL_DOMAIN, PLAIN, SPAN(EMAIL("u@1.2.3.4")),
     "ends in a number, must end "
     "in a name such as com: "
     "addresses of machines are "
     "not taken"},
    {ERROR_EMAIL_DOMAIN, PLAIN, SPAN(EMAIL("u@exa_mple.com" HERE)),
     "holds \"_\", must hold only letters, digits, hyphens and dots"},
    {ERROR_EMAIL_DOMAIN, PLAIN, SPAN(EMAIL("u@example-" HERE ".com")),
     "has the label \"example-\", which ends with a hyphen, must end with a letter"},
    {ERROR_EMAIL_DOMAIN, PLAIN, SPAN(EMAIL("u@ok.-example.com")),
     "has the label \"-example\", which begins with a hyphen"},
    {ERROR_EMAIL_DOMAIN, PLAIN, SPAN(EMAIL("u@exa\xe2\x99\xa5mple.com" HERE)),
     "holds \"\xe2\x99\xa5\" (U+2665), must hold only letters"},
    {ERROR_EMAIL_DOMAIN, PLAIN, SPAN(EMAIL("u@exa\xef\xbc\x8fmple.com" HERE)),
     "holds \"\xef\xbc\x8f\" (U+FF0F), must hold only letters"},
    {ERROR_EMAIL_DOMAIN, PLAIN, SPAN(EMAIL("u@localhost")),
     "is a single label, must have two or more, like example.com"},
    {ERROR_EMAIL_DOMAIN, PLAIN, SPAN(EMAIL("u@")), "is empty, must be a name such as example.com"},
    {ERROR_EMAIL_DOMAIN, PLAIN, SPAN(EMAIL("u@xn--a.com")),
     "has the label \"xn--a\", which stands for no valid name, must be"},
    {ERROR_URL_SYNTAX, PLAIN, SPAN(URL("example.com/" HERE)), "must begin with http:// or https://"},
    {ERROR_URL_SYNTAX, PLAIN, SPAN(URL("https:/example.com")), "must have two slashes after its scheme"},
    {ERROR_URL_SYNTAX, PLAIN, SPAN(URL("https://example.com:port" HERE)),
     "the port must be a decimal number from 0 to 65535"},
    {ERROR_URL_SYNTAX, PLAIN, SPAN(URL("https://example.com ")),
     "ends with white space, must "
     "end without"},
    {ERROR_URL_SCHEME, PLAIN, SPAN(URL("ftp://example.com/" HERE)), "must begin with http:// or https://"},
    {ERROR_URL_HOST, PLAIN, SPAN(URL("https://1.2.3/" HERE)), "so it must be an IPv4 address: four decimal numbers"},
    {ERROR_URL_HOST, PLAIN, SPAN(URL("https://exa mple.com/")),
     "the host holds \" \", "
     "must hold only "
     "letters, digits, "
     "hyphens and dots"},
    {ERROR_URL_HOST, PLAIN, SPAN(URL("https://[::g]/")), "must be an IPv6 address in its brackets"},
    {ERROR_URL_CREDENTIALS, PLAIN, SPAN(URL("https://ada" HERE "@example.com/")), "must hold none"},
    {ERROR_PHONE_PLUS, PLAIN, SPAN(PHONE("2025550123" HERE)),
     "must begin with + and the country calling code, as in "
     "+12025550123"},
    {ERROR_PHONE_PLUS, PLAIN, SPAN(PHONE("0044 20 7946 0958")), "; this one would be +442079460958"},
    {ERROR_PHONE_CHARACTER, PLAIN, SPAN(PHONE("+1 202 555 0123 x4" HERE)),
     "\"x\" has no place in a number, which is + and digits 0 to 9"},
    {ERROR_PHONE_CHARACTER, PLAIN, SPAN(PHONE("+1202555012\xd9\xa3")),
     "\"\xd9\xa3\" (U+0663) has no place in a number"},
    {ERROR_PHONE_COUNTRY_CODE, PLAIN, SPAN(PHONE("+999" HERE)),
     "+999 is not a "
     "country calling "
     "code; after +99 "
     "must come 2 to 6 or "
     "8"},
    {ERROR_PHONE_COUNTRY_CODE, PLAIN,
     SPAN(PHONE("+0044 "
                "20 "
                "7946 "
                "0958")),
     "leave out "
     "what "
     "stands "
     "before the "
     "calling "
     "code: "
     "+4420794609"
     "58"},
    {ERROR_PHONE_COUNTRY_CODE, PLAIN, SPAN(PHONE("+99")),
     "i"
     "s"
     " "
     "o"
     "n"
     "l"
     "y"
     " "
     "t"
     "h"
     "e"
     " "
     "b"
     "e"
     "g"
     "i"
     "n"
     "n"
     "i"
     "n"
     "g"
     " "
     "o"
     "f"
     " "
     "a"
     " "
     "c"
     "o"
     "u"
     "n"
     "t"
     "r"
     "y"
     " "
     "c"
     "a"
     "l"
     "l"
     "i"
     "n"
     "g"
     " "
     "c"
     "o"
     "d"
     "e"
     ";"
     " "
     "a"
     "f"
     "t"
     "e"
     "r"
     " "
     "i"
     "t"
     " "
     "m"
     "u"
     "s"
     "t"
     " "
     "c"
     "o"
     "m"
     "e"
     " "
     "2"
     " "
     "t"
     "o"
     " "
     "6"
     " "
     "o"
     "r"
     " "
     "8"},
    {ERROR_PHONE_LENGTH, PLAIN, SPAN(PHONE("+1202555012")), "have 10 digits after +1; this one has 9"},
    {ERROR_PHONE_LENGTH, PLAIN, SPAN(PHONE("+7 8 495 1234567")),
     "; leave out the 8, which is dialled only inside the country: "
     "+74951234567"},
    {ERROR_PHONE_LENGTH, PLAIN, SPAN(PHONE("+54 11 15 2345 6789")),
     "leave out the 15 and put 9 after +54: +5491123456789"},
    {ERROR_PHONE_AREA_CODE, PLAIN, SPAN(PHONE("+44 (0) 20 7946 0958")),
     "; leave out the 0, which is dialled only inside the country: "
     "+442079460958"},
    {ERROR_PHONE_AREA_CODE, PLAIN, SPAN(PHONE("+52 1 55 1234 5678")),
     "; leave out the 1 after +52, which is out of "
     "use: +525512345678"},
    {ERROR_PHONE_AREA_CODE, PLAIN, SPAN(PHONE("+229 97 12 34 56")),
     "; numbers of +229 have 01 in front: +2290197123456"},
    {ERROR_PHONE_AREA_CODE, PLAIN, SPAN(PHONE("+36 06 1 234 5678")),
     "; leave out the 06, which is dialled only inside the country: "
     "+3612345678"},
    {ERROR_PHONE_AREA_CODE, PLAIN, SPAN(PHONE("+39 6 69812345")),
     "; numbers of +39 have 0 in front: "
     "+390669812345"},
    {ERROR_PHONE_AREA_CODE, PLAIN, SPAN(PHONE("+1 023 456 7890")),
     "no number in +1 begins 0; after +1 must come 2 to 9"},
    {ERROR_ADDRESS_COUNTRY, PLAIN,
     SPAN(FIELDS("\"home\":{\"fullAddress\":\"x\",\"country\":"
                 "\"Germany\"}")),
     "must be an ISO 3166-1 alpha-2 code such as DE"},
    {ERROR_ADDRESS_COUNTRY, PLAIN,
     SPAN(FIELDS("\"home\":{\"fullAddress\":\"x\","
                 "\"country\":\"UK" HERE "\"}")),
     "code such as GB"},
    {ERROR_ADDRESS_PART_NOT_ALLOWED, PLAIN,
     SPAN(ADDRESS("\"country\":\"DE\","
                  "\"city\":\"Berlin" HERE "\"")),
     "must be part of "
     "fullAddress"},
    {ERROR_ADDRESS_REGION, PLAIN,
     SPAN(US("\"reg"
             "ion\""
             ":\"Ne"
             "w "
             "Yro"
             "k" HERE "\"")),
     "English "
     "name; "
     "did you "
     "mean "
     "New "
     "York?"},
    {ERROR_ADDRESS_REGION, PLAIN, SPAN(US("\"region\":\"Ontario\"")), "must be a state, province or territory"},
    {ERROR_ADDRESS_POSTAL_CODE, PLAIN, SPAN(US("\"postalCode\":\"1234" HERE "\"")),
     "\"1234\" is no postal code of US, must be "
     "like 10001"},
    {ERROR_ADDRESS_POSTAL_CODE, PLAIN,
     SPAN(US("\"postalCode\":\"10001\xe2\x80\x93"
             "1234\"")),
     "\"\xe2\x80\x93\" (U+2013) has no place in "
     "a postal code of US, must be like"},
    {ERROR_ADDRESS_POSTAL_CODE, PLAIN,
     SPAN(GB("\"postalCode\":\"SW1A\xe2\x80\x8b"
             "1AA\"")),
     "U"
     "+"
     "2"
     "0"
     "0"
     "B"
     " "
     "h"
     "a"
     "s"
     " "
     "n"
     "o"
     " "
     "p"
     "l"
     "a"
     "c"
     "e"
     " "
     "i"
     "n"
     " "
     "a"
     " "
     "p"
     "o"
     "s"
     "t"
     "a"
     "l"
     " "
     "c"
     "o"
     "d"
     "e"
     " "
     "o"
     "f"
     " "
     "G"
     "B"
     ","
     " "
     "m"
     "u"
     "s"
     "t"
     " "
     "b"
     "e"
     " "
     "l"
     "i"
     "k"
     "e"
     " "
     "S"
     "W"
     "1"
     "A"
     " "
     "1"
     "A"
     "A"},
    {ERROR_COUNTRY_NOT_ALLOWED, PLAIN, SPAN(ADDRESS("\"country\":\"US\"")),
     "US is not allowed, the field allows "
     "only DE, FR"},
    {ERROR_COUNTRY_NOT_ALLOWED, PLAIN, SPAN(FIELDS("\"address\":\"1 A St" HERE "\"")),
     "is missing, the field allows only "
     "DE, FR"},
    {ERROR_COUNTRY_NOT_ALLOWED, PLAIN,
     SPAN(FIELDS("\"work\":\"+1 876 234 "
                 "5678\"")),
     "is a number of JM, which the "
     "field does not allow; it "
     "allows only CA, US, JP, CH, "
     "DE, FR, GB, IT, MX, NL or 2 "
     "others"},
    {ERROR_OPTION_UNKNOWN, PLAIN,
     SPAN(CHOICE("\"metri"
                 "c" HERE "\"")),
     "must be one of "
     "metrics, "},
    {ERROR_OPTION_UNKNOWN, PLAIN, SPAN(CHOICE("\"Metrics\"")), "must be written metrics"},
    {ERROR_OPTION_UNKNOWN, PLAIN, SPAN(CHOICE("\"m\xd0\xb5trics\"")),
     "must be written metrics, with U+0065 for U+0435"},
    {ERROR_UNKNOWN_FIELD, PLAIN, SPAN(FIELDS("\"\xd1\x80hone\":1")), "; did you mean phone, with U+0070 for U+0440?"},
    {ERROR_OPTION_UNKNOWN, PLAIN, SPAN(CHOICE("\"\xc3\xa9\"")),
     "must be written "
     "e\xcc\x81, with "
     "U+0065 for U+00E9"},
    {ERROR_OPTION_UNKNOWN, PLAIN, SPAN(CHOICE("\"a\"")), "a<U+200B>"},
    {ERROR_OPTION_UNKNOWN, PLAIN,
     SPAN(FIELDS("\"list\":["
                 "\"p4\"]")),
     "must be one "
     "of o4, p1, "
     "p2, p3, o1, "
     "o2, o3, o5, "
     "o6, o7 or 2 "
     "others"},
    {ERROR_TOO_FEW, PLAIN,
     SPAN(FIELDS("\"pair"
                 "\":["
                 "\"p1\""
                 "]")),
     "must "
     "select at "
     "least 2 "
     "options, "
     "not 1"},
    {ERROR_TOO_MANY, PLAIN,
     SPAN(CHOICE("\""
                 "fi"
                 "le"
                 "Sh"
                 "ar"
                 "in"
                 "g"
                 "\""
                 ","
                 "\""
                 "me"
                 "tr"
                 "ic"
                 "s"
                 "\""
                 ","
                 "\""
                 "a"
                 "\xe2\x80\x8b\"")),
     "must "
     "select"
     " at "
     "most "
     "2 "
     "option"
     "s, "
     "not 3"},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* The ways in which a message says what would be right. */
#define HINT                                                                                                           \
    "must |did you mean |allows only |leave out |only create-client is|that are allowed|this one has |have [0-9]+ in " \
    "front|has no place in a number, which is "

#define VALUE_BYTES 4096

static struct evaluating evaluating[2]; /* the second with little room */
static regex_t hint;

static void open_all(void)
{
    static const char *const little[] = {"limits.command_bytes=1KiB", NULL};
    evaluating_open(&evaluating[0], definitions_json, NULL);
    evaluating_open(&evaluating[1], definitions_json, little);
    ck_assert_int_eq(regcomp(&hint, HINT, REG_EXTENDED | REG_NOSUB), 0);
}

static void close_all(void)
{
    regfree(&hint);
    evaluating_close(&evaluating[0]);
    evaluating_close(&evaluating[1]);
}

/* The row's command with `filling` in place of each HERE. */
static struct span fill(const struct row *row, struct span filling, char value[VALUE_BYTES])
{
    size_t length = 0;
    for (size_t i = 0; i < row->command.length; i++) {
        const struct span piece = row->command.at[i] == HERE[0] ? filling : span_of(row->command.at + i, 1);
        ck_assert_uint_lt(length + piece.length, VALUE_BYTES);
        memcpy(value + length, piece.at, piece.length);
        length += piece.length;
    }
    return span_of(value, length);
}

/* The index's reply to a valid command. */
static void ask_index(const struct row *row, struct item *item)
{
    struct claim_finding finding = {0};
    if (row->how == WITH_TAKEN_EMAIL)
        finding.owner = SPAN("5b0ed2f4-6f0c-4d0a-9a3e-6d0f5f6b7c21");
    if (row->how == WITH_ANOTHER_CLIENT)
        finding.stored = SPAN("clients.commands/0/3 00000000000000000000000000000000\n{\"id\":\"x\"}");
    if (item->outcome == OUTCOME_CREATED && (finding.owner.at || finding.stored.at)) {
        item->outcome = OUTCOME_UNDECIDED;
        claim_apply(item, &finding);
    }
}

static struct item *evaluate_row(const struct row *row, struct span value)
{
    struct evaluating *bench = &evaluating[row->how == WITH_LITTLE_ROOM];
    struct evaluation evaluation = bench->evaluate;
    if (row->how == WITHOUT_DEFINITIONS || row->how == WITH_BROKEN_DEFINITIONS)
        evaluation.definitions = NULL;
    evaluation.definitions_broken = row->how == WITH_BROKEN_DEFINITIONS;
    batch_reset(&bench->batch);
    struct item *item = evaluating_item(bench, "");
    item->value = value;
    if (row->how == WITH_LARGE_CLIENT || row->how == WITH_HUGE_CLIENT) {
        item->record_form = FORM_NONE;
        item->client_bytes = 1048700;
        item->client_most = row->how == WITH_HUGE_CLIENT ? 1000000 : 0;
    }
    evaluate_item(&evaluation, item, &bench->batch.arena);
    ask_index(row, item);
    return item;
}

static size_t count_of(struct span text, const char *part)
{
    size_t count = 0;
    const size_t length = strlen(part);
    for (size_t i = 0; i + length <= text.length; i++)
        count += memcmp(text.at + i, part, length) == 0;
    return count;
}

/* The rules for every message and any value. It holds `shown` (NULL: anything) at most `most` times. */
static void expect_decent(const struct row *row, struct span message, struct span value, const char *shown, size_t most)
{
    const uint32_t invisible = invisible_in(message);
    ck_assert_msg(message.length > 0, "row %td: no message", row - rows);
    ck_assert_msg(text_is_utf8(message), "row %td: not UTF-8", row - rows);
    ck_assert_msg(invisible == 0, "row %td: U+%04X in: %.*s", row - rows, (unsigned)invisible, SPAN_FORMAT(message));
    ck_assert_msg(!repeats_too_much(message, value), "row %td: too much of the value: %.*s", row - rows,
                  SPAN_FORMAT(message));
    ck_assert_msg(!shown || count_of(message, shown) <= most, "row %td: too much of the value: %.*s", row - rows,
                  SPAN_FORMAT(message));
    ck_assert_msg(!memchr(message.at, '\n', message.length), "row %td: two lines", row - rows);
}

static void expect_all_decent(const struct row *row, const struct item *item, struct span value, const char *shown,
                              size_t most)
{
    if (item->outcome == OUTCOME_REJECTED)
        expect_decent(row, item->error_message, value, shown, most);
    for (const struct violation *one = item->violations; one; one = one->next)
        expect_decent(row, one->message, value, shown, most);
}

static bool has_hint(struct span message)
{
    char text[2048];
    snprintf(text, sizeof(text), "%.*s", SPAN_FORMAT(message));
    return regexec(&hint, text, 0, NULL, 0) == 0;
}

/* The message of the row's error; at == NULL if the command does not have it. */
static struct span message_of(const struct row *row, const struct item *item)
{
    if (item->outcome == OUTCOME_REJECTED && item->error == row->error)
        return item->error_message;
    for (const struct violation *one = item->violations; one; one = one->next)
        if (one->code == row->error)
            return one->message;
    return SPAN_NONE;
}

START_TEST(row_says_what_would_be_right)
{
    const struct row *row = &rows[_i];
    char text[VALUE_BYTES];
    const struct span value = fill(row, SPAN(""), text);
    const struct item *item = evaluate_row(row, value);
    const struct span message = message_of(row, item);
    ck_assert_msg(message.at != NULL, "row %d: not %s: %.*s", _i, error_row(row->error)->code,
                  SPAN_FORMAT(item->reply));
    expect_all_decent(row, item, value, NULL, 0);
    ck_assert_msg(memmem(message.at, message.length, row->says, strlen(row->says)), "row %d: \"%s\" is not in: %.*s",
                  _i, row->says, SPAN_FORMAT(message));
    if (row->error == ERROR_VALIDATION_FAILED)
        ck_assert_ptr_nonnull(item->violations); /* the violations carry the message */
    else
        ck_assert_msg(has_hint(message), "row %d: no hint in: %.*s", _i, SPAN_FORMAT(message));
}
END_TEST

/* Hostile content of values: each alone, and repeated beyond the limit for quotes. */
static const struct {
    const char *unit, *shown;
} fillings[] = {
    {"Q", "Q"},
    {"\xc2\xa0", "U+00A0"},
    {"\xc2\xad", "U+00AD"},
    {"\xe2\x80\x8b", "U+200B"},
    {"\xe2\x80\xae", "U+202E"},
    {"\xe2\x80\xa8", "U+2028"},
    {"\xe3\x85\xa4", "U+3164"},
    {"\xe2\xa0\x80", "U+2800"},
    {"\xef\xb8\x8f", "U+FE0F"},
    {"\xef\xbb\xbf", "U+FEFF"},
    {"\xf3\xa0\x84\x80", "U+E0100"},
    {"\xee\x80\x80", "U+E000"},
    {"\xcc\x81", "\xcc\x81"},
    {"\\u0000", "U+0000"},
    {"\\u0085", "U+0085"},
    {"\\u007f", "U+007F"},
    {"\\t", "U+0009"},
    {"\\\"", NULL},
    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
};

START_TEST(hostile_values_stay_short_and_visible)
{
    const struct row *row = &rows[_i];
    if (!memchr(row->command.at, HERE[0], row->command.length))
        return;
    for (size_t i = 0; i < sizeof(fillings) / sizeof(fillings[0]); i++) {
        for (size_t times = 1; times <= 200; times += 199) {
            char text[VALUE_BYTES], filling[VALUE_BYTES];
            const size_t size = strlen(fillings[i].unit);
            for (size_t j = 0; j < times; j++)
                memcpy(filling + j * size, fillings[i].unit, size);
            const struct span value = fill(row, span_of(filling, times * size), text);
            expect_all_decent(row, evaluate_row(row, value), value, fillings[i].shown, 64);
        }
    }
}
END_TEST

/* A field with thousands of options, and a value with a hundred unknown ones: comparing stops, counting does not. */
START_TEST(options_without_number_are_counted)
{
    enum { OPTIONS = 3000, WRONG = 100, BYTES = 200000 };
    char *json = malloc(BYTES), *command = malloc(BYTES);
    ck_assert(json && command);
    size_t length = (size_t)sprintf(json, "[{\"key\":\"f\",\"type\":\"multiSelect\",\"options\":[");
    for (int i = 0; i < OPTIONS; i++)
        length += (size_t)sprintf(json + length, "%s{\"key\":\"option number %d\"}", i > 0 ? "," : "", i);
    strcpy(json + length, "]}]");
    length = (size_t)sprintf(command, "{" PERSON ",\"customFields\":{\"f\":[");
    for (int i = 0; i < WRONG; i++)
        length += (size_t)sprintf(command + length, "%s\"another number %d\"", i > 0 ? "," : "", i);
    strcpy(command + length, "]}}");

    struct evaluating many;
    evaluating_open(&many, json, NULL);
    struct item *item = evaluating_item(&many, command);
    evaluate_item(&many.evaluate, item, &many.batch.arena);
    ck_assert_uint_eq(item->violation_listed, WRONG);
    for (const struct violation *one = item->violations; one; one = one->next) {
        const struct span tail = SPAN(" or 2990 others");
        ck_assert_msg(span_equal(span_from(one->message, one->message.length - tail.length), tail), "%.*s",
                      SPAN_FORMAT(one->message));
    }
    evaluating_close(&many);
    free(json);
    free(command);
}
END_TEST

/* CPU time to check a command with a hundred unknown options of a field that has so many. The options have the same
 * length as what is given. */
static double check_wrong_options(int options)
{
    enum { WRONG = 100, OPTION_BYTES = 32 };
    char *json = malloc((size_t)options * OPTION_BYTES + 100), *command = malloc(WRONG * OPTION_BYTES + 1000);
    ck_assert(json && command);
    char *end = stpcpy(json, "[{\"key\":\"f\",\"type\":\"multiSelect\",\"options\":[");
    for (int i = 0; i < options; i++)
        end += sprintf(end, "%s{\"key\":\"option%08d\"}", i > 0 ? "," : "", i);
    strcpy(end, "]}]");
    end = stpcpy(command, "{" PERSON ",\"customFields\":{\"f\":[");
    for (int i = 0; i < WRONG; i++)
        end += sprintf(end, "%s\"Option%08d\"", i > 0 ? "," : "", i == 0 ? 7 : 90000000 + i);
    strcpy(end, "]}}");

    struct evaluating many;
    evaluating_open(&many, json, NULL);
    struct item *item = evaluating_item(&many, command);
    const double began = cpu_seconds();
    evaluate_item(&many.evaluate, item, &many.batch.arena);
    const double taken = cpu_seconds() - began;
    ck_assert_uint_eq(item->violation_listed, WRONG);
    const struct span first = item->violations->message, written = SPAN("must be written option00000007");
    ck_assert_msg(memmem(first.at, first.length, written.at, written.length), "%.*s", SPAN_FORMAT(first));
    evaluating_close(&many);
    free(json);
    free(command);
    return taken;
}

/* A batch of such commands would not end before its partitions go to another worker, where it would not end either. */
START_TEST(wrong_options_cost_no_more_where_there_are_many)
{
    const double few = check_wrong_options(100), many = check_wrong_options(300000);
    ck_assert_msg(many < few + 0.03, "%.1f ms, with few options %.1f ms", many * 1000, few * 1000);
}
END_TEST

/* Such names are nothing once the characters between words are left out. Comparing stops there, too. */
START_TEST(options_of_nothing_but_separators_are_not_compared_without_end)
{
    enum { OPTIONS = 177147, DIGITS_OF_3 = 11, WRONG = 100, OPTION_BYTES = 32 };
    char *json = malloc(OPTIONS * OPTION_BYTES + 100), *command = malloc(1000 + 3 * WRONG);
    ck_assert(json && command);
    char *end = stpcpy(json, "[{\"key\":\"f\",\"type\":\"multiSelect\",\"options\":[");
    for (int i = 0; i < OPTIONS; i++) {
        end = stpcpy(end, i > 0 ? ",{\"key\":\"" : "{\"key\":\"");
        for (int digit = 0, rest = i; digit < DIGITS_OF_3; digit++, rest /= 3)
            *end++ = "-_."[rest % 3];
        end = stpcpy(end, "\"}");
    }
    strcpy(end, "]}]");
    end = stpcpy(command, "{" PERSON ",\"customFields\":{\"f\":[");
    for (int i = 0; i < WRONG; i++)
        end = stpcpy(end, i > 0 ? ",\"\"" : "\"\"");
    strcpy(end, "]}}");

    struct evaluating many;
    evaluating_open(&many, json, NULL);
    struct item *item = evaluating_item(&many, command);
    const double began = cpu_seconds();
    evaluate_item(&many.evaluate, item, &many.batch.arena);
    const double taken = cpu_seconds() - began;
    ck_assert_uint_eq(item->violation_listed, WRONG);
    ck_assert_msg(taken < 0.03, "%.1f ms", taken * 1000);
    evaluating_close(&many);
    free(json);
    free(command);
}
END_TEST

START_TEST(every_error_has_a_row)
{
    for (enum error error = ERROR_NONE + 1; error < ERROR_COUNT; error++) {
        size_t count = 0;
        for (size_t i = 0; i < ROWS; i++)
            count += rows[i].error == error;
        ck_assert_msg(count > 0, "no row shows the message of %s", error_row(error)->code);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("messages");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, open_all, close_all);
    tcase_add_test(tests, every_error_has_a_row);
    tcase_add_test(tests, options_without_number_are_counted);
    tcase_add_test(tests, wrong_options_cost_no_more_where_there_are_many);
    tcase_add_test(tests, options_of_nothing_but_separators_are_not_compared_without_end);
    tcase_add_loop_test(tests, row_says_what_would_be_right, 0, (int)ROWS);
    tcase_add_loop_test(tests, hostile_values_stay_short_and_visible, 0, (int)ROWS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

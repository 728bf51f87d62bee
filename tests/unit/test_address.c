/* The address rule as a table: countries, regions, postal codes, and the allowed and required members of an object. */
#include "tests/unit/field_fixture.h"
#include "worker/validate/address_country.h"
#include "worker/validate/address_postal_code.h"
#include "worker/validate/address_region.h"

#define A10  "aaaaaaaaaa"
#define A50  A10 A10 A10 A10 A10
#define A250 A50 A50 A50 A50 A50
#define A255 A250 "aaaaa"

/* The other members of an object, for rows about one member. */
#define FULL "\"fullAddress\":\"x\""

static const struct {
    const char *given, *normal; /* NULL: unchanged */
} accepted[] = {
    /* A string is a full address, and so is an object with nothing else. */
    {"\"1 Main Street\"", "{\"fullAddress\":\"1 Main Street\"}"},
    {"\"x\"", "{\"fullAddress\":\"x\"}"},
    {"\" x \"", "{\"fullAddress\":\" x \"}"},
    {"\"a\\r\\nb\\rc\\nd\"", "{\"fullAddress\":\"a\\nb\\nc\\nd\"}"},
    {"\"a\\tb\"", "{\"fullAddress\":\"a\\tb\"}"},
    {"\"Cafe\\u0301\"", "{\"fullAddress\":\"Café\"}"},
    {"\"\\u200f1\"", "{\"fullAddress\":\"\u200f1\"}"},
    {"{\"fullAddress\":\"1 Main Street\"}", NULL},
    {"{\"fullAddress\":\"a\\r\\nb\"}", "{\"fullAddress\":\"a\\nb\"}"},
    {"{\"fullAddress\":\"x\",\"region\":null}", "{\"fullAddress\":\"x\"}"},
    {"{\"city\":\"\",\"fullAddress\":\"x\",\"addressLine2\":null}", "{\"fullAddress\":\"x\"}"},

    /* The contract's example, with its members sorted. */
    {"{\"country\":\"US\",\"region\":\"New York\",\"postalCode\":\"10001\",\"addressLine1\":\"1201 Broadway\","
     "\"addressLine2\":\"704\",\"city\":\"New York\",\"fullAddress\":\"1201 Broadway\\n704\\nNew York, New York, "
     "10001\\nUnited States\"}",
     NULL},
    {"{\"fullAddress\":\"x\",\"city\":\"Albany\",\"addressLine2\":\"b\",\"addressLine1\":\"a\",\"postalCode\":"
     "\"12207\","
     "\"region\":\"ny\",\"country\":\"us\"}",
     "{\"country\":\"US\",\"region\":\"New "
     "York\",\"postalCode\":\"12207\",\"addressLine1\":\"a\",\"addressLine2\":\"b\","
     "\"city\":\"Albany\",\"fullAddress\":\"x\"}"},

    /* Countries. */
    {"{\"country\":\"US\"," FULL "}", NULL},
    {"{\"country\":\"us\"," FULL "}", "{\"country\":\"US\"," FULL "}"},
    {"{\"country\":\"uS\"," FULL "}", "{\"country\":\"US\"," FULL "}"},
    {"{\"country\":\" US \"," FULL "}", "{\"country\":\"US\"," FULL "}"},
    {"{\"country\":\"FR\"," FULL "}", NULL},
    {"{\"country\":\"DE\"," FULL "}", NULL},
    {"{\"country\":\"AF\"," FULL "}", NULL},
    {"{\"country\":\"ZW\"," FULL "}", NULL},
    {"{\"country\":\"BQ\"," FULL "}", NULL},
    {"{\"country\":\"SS\"," FULL "}", NULL},
    {"{\"country\":\"PR\"," FULL "}", NULL},
    {"{\"country\":\"GG\"," FULL "}", NULL},
    {"{\"country\":\"FR\"," FULL ",\"region\":null,\"postalCode\":\"\",\"city\":\"\",\"addressLine1\":null,"
     "\"addressLine2\":null}",
     "{\"country\":\"FR\"," FULL "}"},

    /* Texts follow the type text. */
    {"{\"country\":\"GB\",\"addressLine1\":\"a\\r\\nb\",\"addressLine2\":\" c \",\"city\":\"Zu\\u0308rich\"," FULL "}",
     "{\"country\":\"GB\",\"addressLine1\":\"a\\nb\",\"addressLine2\":\" c \",\"city\":\"Zürich\"," FULL "}"},
    {"{\"country\":\"GB\",\"city\":\"\\\"\\\\\"," FULL "}", NULL},
    {"{\"country\":\"NZ\",\"city\":\" \"," FULL "}", NULL},
    {"{\"country\":\"NZ\",\"city\":\"" A255 "\"," FULL "}", NULL},
    {"{\"country\":\"NZ\",\"addressLine1\":\"" A255 "\",\"addressLine2\":\"" A255 "\"," FULL "}", NULL},
    {"{\"country\":\"NZ\",\"city\":\"" A250 "éééé😀\"," FULL "}", NULL},
    {"\"" A250 A250 A250 A250 "\"", "{\"fullAddress\":\"" A250 A250 A250 A250 "\"}"},
    {"{\"country\":\"FR\",\"fullAddress\":\"" A250 A250 A250 A250 "\"}", NULL},

    /* Regions of GB and NZ are free text. */
    {"{\"country\":\"GB\",\"region\":\"Greater London\"," FULL "}", NULL},
    {"{\"country\":\"GB\",\"region\":\"NY\"," FULL "}", NULL},
    {"{\"country\":\"GB\",\"region\":\"Greater London\"," FULL "}", NULL},
    {"{\"country\":\"NZ\",\"region\":\"ōtautahi\"," FULL "}", NULL},
};

static const struct {
    const char *given, *violations;
} refused[] = {
    {"1", "type_mismatch"},
    {"true", "type_mismatch"},
    {"[\"x\"]", "type_mismatch"},
    {"\" \"", "required"},
    {"\"\\r\\n\\t\\u3000\"", "required"},
    {"\"a\\u0001b\"", "control_character"},
    {"\"a\\u0000\"", "control_character"},
    {"\"a\\u007f\"", "control_character"},
    {"\"a\\u0085b\"", "control_character"},
    {"\"a\\u000bb\"", "control_character"},
    {"\"" A250 A250 A250 A250 "a\"", "too_long"},

    /* The country. */
    {"{}", "/country required"},
    {"{\"city\":\"x\"}", "/country required"},
    {"{" FULL ",\"city\":\"x\"}", "/country required"},
    {"{" FULL ",\"country\":null}", "/country required"},
    {"{" FULL ",\"country\":\"\"}", "/country required"},
    {"{" FULL ",\"country\":\" \\t\"}", "/country required"},
    {"{" FULL ",\"country\":1}", "/country type_mismatch"},
    {"{" FULL ",\"country\":[\"US\"]}", "/country type_mismatch"},
    {"{" FULL ",\"country\":\"U\\u0001\"}", "/country control_character"},
    {"{" FULL ",\"unknown\":null}", "/country required"},
    {"{" FULL ",\"country\":\"XK\"}", "/country address_country"},
    {"{" FULL ",\"country\":\"UK\"}", "/country address_country"},
    {"{" FULL ",\"country\":\"EU\"}", "/country address_country"},
    {"{" FULL ",\"country\":\"AC\"}", "/country address_country"},
    {"{" FULL ",\"country\":\"TA\"}", "/country address_country"},
    {"{" FULL ",\"country\":\"AN\"}", "/country address_country"},
    {"{" FULL ",\"country\":\"SU\"}", "/country address_country"},
    {"{" FULL ",\"country\":\"ZZ\"}", "/country address_country"},
    {"{" FULL ",\"country\":\"AA\"}", "/country address_country"},
    {"{" FULL ",\"country\":\"USA\"}", "/country address_country"},
    {"{" FULL ",\"country\":\"U\"}", "/country address_country"},
    {"{" FULL ",\"country\":\"840\"}", "/country address_country"},
    {"{" FULL ",\"country\":\"United States\"}", "/country address_country"},
    {"{" FULL ",\"country\":\"U S\"}", "/country address_country"},
    {"{" FULL ",\"country\":\"ＵＳ\"}", "/country address_country"},
    {"{" FULL ",\"country\":\"é\"}", "/country address_country"},
    {"{" FULL ",\"country\":\"@S\"}", "/country address_country"},
    {"{" FULL ",\"country\":\"U[\"}", "/country address_country"},
    {"{\"country\":\"XX\",\"fullAddress\":1,\"city\":2,\"unknown\":3}", "/country address_country"},
    {"{\"fullAddress\":\"\",\"city\":{},\"country\":\"XX\"}", "/country address_country"},

    /* The full address. */
    {"{\"country\":\"US\"}", "/fullAddress required"},
    {"{\"country\":\"US\",\"fullAddress\":null}", "/fullAddress required"},
    {"{\"country\":\"US\",\"fullAddress\":\"\"}", "/fullAddress required"},
    {"{\"country\":\"US\",\"fullAddress\":\" \\n\\u00a0\"}", "/fullAddress required"},
    {"{\"country\":\"US\",\"fullAddress\":1}", "/fullAddress type_mismatch"},
    {"{\"country\":\"US\",\"fullAddress\":[]}", "/fullAddress type_mismatch"},
    {"{\"country\":\"US\",\"fullAddress\":\"a\\u001b\"}", "/fullAddress control_character"},
    {"{\"country\":\"US\",\"fullAddress\":\"" A250 A250 A250 A250 "a\"}", "/fullAddress too_long"},
    {"{\"fullAddress\":\"\"}", "/fullAddress required"},
    {"{\"fullAddress\":null}", "/fullAddress required"},
    {"{\"fullAddress\":{}}", "/fullAddress type_mismatch"},

    /* The parts. */
    {"{\"country\":\"US\",\"city\":1," FULL "}", "/city type_mismatch"},
    {"{\"country\":\"US\",\"region\":{}," FULL "}", "/region type_mismatch"},
    {"{\"country\":\"US\",\"postalCode\":10001," FULL "}", "/postalCode type_mismatch"},
    {"{\"country\":\"US\",\"addressLine1\":false," FULL "}", "/addressLine1 type_mismatch"},
    {"{\"country\":\"US\",\"addressLine2\":[]," FULL "}", "/addressLine2 type_mismatch"},
    {"{\"country\":\"US\",\"addressLine1\":\"" A255 "a\"," FULL "}", "/addressLine1 too_long"},
    {"{\"country\":\"US\",\"addressLine2\":\"" A255 "a\"," FULL "}", "/addressLine2 too_long"},
    {"{\"country\":\"US\",\"city\":\"" A255 "a\"," FULL "}", "/city too_long"},
    {"{\"country\":\"US\",\"region\":\"" A255 "a\"," FULL "}", "/region too_long"},
    {"{\"country\":\"GB\",\"region\":\"" A255 "a\"," FULL "}", "/region too_long"},
    {"{\"country\":\"US\",\"postalCode\":\"" A255 "a\"," FULL "}", "/postalCode too_long"},
    {"{\"country\":\"US\",\"city\":\"a\\u0001\"," FULL "}", "/city control_character"},
    {"{\"country\":\"US\",\"postalCode\":\"1000\\u00011\"," FULL "}", "/postalCode control_character"},
    {"{\"country\":\"US\",\"region\":\" \"," FULL "}", "/region address_region"},
    {"{\"country\":\"US\",\"postalCode\":\" \"," FULL "}", "/postalCode address_postal_code"},

    /* Only the five countries have parts. */
    {"{\"country\":\"FR\",\"city\":\"Paris\"," FULL "}", "/city address_part_not_allowed"},
    {"{\"country\":\"FR\",\"city\":1," FULL "}", "/city address_part_not_allowed"},
    {"{\"country\":\"FR\",\"region\":\"x\"," FULL "}", "/region address_part_not_allowed"},
    {"{\"country\":\"IE\",\"postalCode\":\"D02 AF30\"," FULL "}", "/postalCode address_part_not_allowed"},
    {"{\"country\":\"DE\",\"addressLine1\":\"x\"," FULL "}", "/addressLine1 address_part_not_allowed"},
    {"{\"country\":\"PR\",\"addressLine2\":\"x\"," FULL "}", "/addressLine2 address_part_not_allowed"},

    /* Unknown members, null or not. Names are case-sensitive. */
    {"{\"country\":\"US\"," FULL ",\"zip\":\"10001\"}", "/zip unknown_attribute"},
    {"{\"country\":\"US\"," FULL ",\"zip\":null}", "/zip unknown_attribute"},
    {"{\"country\":\"US\"," FULL ",\"City\":\"x\"}", "/City unknown_attribute"},
    {"{\"country\":\"US\"," FULL ",\"\":\"x\"}", "/ unknown_attribute"},
    {"{\"country\":\"US\"," FULL ",\"a/b~c\":1}", "/a~1b~0c unknown_attribute"},

    /* Document order, missing members at the end. */
    {"{\"postalCode\":\"1\",\"region\":\"x\",\"country\":\"US\",\"zip\":1,\"city\":2}",
     "/postalCode address_postal_code, /region address_region, /zip unknown_attribute, /city type_mismatch, "
     "/fullAddress required"},
    {"{\"fullAddress\":\"\",\"city\":\"a\",\"country\":\"fr\",\"region\":\"b\"}",
     "/fullAddress required, /city address_part_not_allowed, /region address_part_not_allowed"},
};

static const struct {
    const char *country, *given, *name; /* NULL: no region */
} regions[] = {
    {"US", "NY", "New York"},
    {"US", "ny", "New York"},
    {"US", "Ny", "New York"},
    {"US", "New York", "New York"},
    {"US", "NEW YORK", "New York"},
    {"US", "new york", "New York"},
    {"US", " New York\n", "New York"},
    {"US", "New\u00a0York", "New York"},
    {"US", "new\u202fyork", "New York"},
    {"US", "\u00a0New\u3000York\u2003", "New York"},
    {"US", "New\tYork", "New York"},
    {"US", "\u3000NY\u00a0", "New York"},
    {"US", "District\u00a0of\u2009Columbia", "District of Columbia"},
    {"CA", "Newfoundland\u00a0and\u00a0Labrador", "Newfoundland and Labrador"},
    {"AU", "New\u2000South\u205fWales", "New South Wales"},
    {"US", "US-NY", "New York"},
    {"US", "us-ny", "New York"},
    {"US", "DC", "District of Columbia"},
    {"US", "Hawaii", "Hawaii"},
    {"US", "Hawái", NULL},
    {"US", "Häwaii", "Hawaii"},
    {"US", "PR", "Puerto Rico"},
    {"US", "Puerto Rico", "Puerto Rico"},
    {"US", "GU", "Guam"},
    {"US", "AS", "American Samoa"},
    {"US", "MP", "Northern Mariana Islands"},
    {"US", "UM", "United States Minor Outlying Islands"},
    {"US", "VI", "U.S. Virgin Islands"},
    {"US", "U.S. Virgin Islands", "U.S. Virgin Islands"},
    {"US", "Virgin Islands, U.S.", "U.S. Virgin Islands"},
    {"US", "virgin islands (u.s.)", "U.S. Virgin Islands"},
    {"US", "FM", "Federated States of Micronesia"},
    {"US", "Micronesia, Federated States of", "Federated States of Micronesia"},
    {"US", "MH", "Marshall Islands"},
    {"US", "PW", "Palau"},
    {"US", "AA", "Armed Forces Americas"},
    {"US", "ae", "Armed Forces Europe"},
    {"US", "AP", "Armed Forces Pacific"},
    {"US", "Armed Forces Pacific", "Armed Forces Pacific"},
    {"CA", "QC", "Quebec"},
    {"CA", "qc", "Quebec"},
    {"CA", "CA-QC", "Quebec"},
    {"CA", "Quebec", "Quebec"},
    {"CA", "Québec", "Quebec"},
    {"CA", "QUÉBEC", "Quebec"},
    {"CA", "que\u0301bec", "Quebec"},
    {"CA", "Ontario", "Ontario"},
    {"CA", "BC", "British Columbia"},
    {"CA", "Newfoundland and Labrador", "Newfoundland and Labrador"},
    {"CA", "NU", "Nunavut"},
    {"AU", "NSW", "New South Wales"},
    {"AU", "nsw", "New South Wales"},
    {"AU", "AU-NSW", "New South Wales"},
    {"AU", "New South Wales", "New South Wales"},
    {"AU", "ACT", "Australian Capital Territory"},
    {"AU", "WA", "Western Australia"},
    {"US", "WA", "Washington"},
    {"AU", "NT", "Northern Territory"},
    {"CA", "NT", "Northwest Territories"},

    {"US", "", NULL},
    {"US", " ", NULL},
    {"US", "N", NULL},
    {"US", "N Y", NULL},
    {"US", "N.Y.", NULL},
    {"US", "NYC", NULL},
    {"US", "New  York", NULL},
    {"US", "New\u00a0 York", NULL},
    {"US", "New\u200bYork", NULL},
    {"US", "N\u00a0Y", NULL},
    {"US", "US-\u00a0NY", NULL},
    {"US", "NewYork", NULL},
    {"US", "New York State", NULL},
    {"US", "Calif.", NULL},
    {"US", "ON", NULL},
    {"US", "Ontario", NULL},
    {"US", "QC", NULL},
    {"US", "CA-NY", NULL},
    {"US", "US-", NULL},
    {"US", "US-New York", NULL},
    {"US", "US-US-NY", NULL},
    {"US", "ŅÝ", NULL},
    {"US", "纽约", NULL},
    {"US", "Νew York", NULL},
    {"US", "\u0301", NULL},
    {"US", "ZZ", NULL},
    {"US", "NY\n10001", NULL},
    {"CA", "NY", NULL},
    {"CA", "Québéck", NULL},
    {"CA", "PQ", NULL},
    {"CA", "Quebec,", NULL},
    {"CA", "AU-NT", NULL},
    {"AU", "NSW.", NULL},
    {"AU", "QC", NULL},
    {"AU", "New Zealand", NULL},
    {"US", A255, NULL},
};

static const struct {
    const char *country, *given, *form; /* NULL: not a postal code */
} postal_codes[] = {
    {"US", "10001", "10001"},
    {"US", "00501", "00501"},
    {"US", "99950", "99950"},
    {"US", "10001-1234", "10001-1234"},
    {"US", " 10001 ", "10001"},
    {"US", "\u00a010001\n", "10001"},
    {"US", "1000", NULL},
    {"US", "100011", NULL},
    {"US", "100011234", NULL},
    {"US", "10001 1234", NULL},
    {"US", "10001\u00a01234", NULL},
    {"US", "\u3000\u300010001-1234\u3000\u3000", "10001-1234"},
    {"US", "10001 -1234", NULL},
    {"US", "10001-", NULL},
    {"US", "10001-123", NULL},
    {"US", "10001-12345", NULL},
    {"US", "1000-11234", NULL},
    {"US", "-10001", NULL},
    {"US", "10001–1234", NULL},
    {"US", "10 001", NULL},
    {"US", "1000l", NULL},
    {"US", "NY 10001", NULL},
    {"US", "１０００１", NULL},
    {"US", "K1A 0B1", NULL},

    {"CA", "K1A 0B1", "K1A 0B1"},
    {"CA", "k1a 0b1", "K1A 0B1"},
    {"CA", "K1A0B1", "K1A 0B1"},
    {"CA", "k1A0b1", "K1A 0B1"},
    {"CA", "K1A  0B1", "K1A 0B1"},
    {"CA", "  K1A 0B1\t", "K1A 0B1"},
    {"CA", "H0H 0H0", "H0H 0H0"},
    {"CA", "X1Z 9Z9", "X1Z 9Z9"},
    {"CA", "A1W 1W1", "A1W 1W1"},
    {"CA", "K1A   0B1", NULL},
    {"CA", "K1 A0B1", NULL},
    {"CA", "K 1A0B1", NULL},
    {"CA", "K1A 0 B1", NULL},
    {"CA", "K1A-0B1", NULL},
    {"CA", "K1A\t0B1", "K1A 0B1"},
    {"CA", "K1A\u00a00B1", "K1A 0B1"},
    {"CA", "\u3000k1a\u202f0b1\u00a0", "K1A 0B1"},
    {"CA", "K1A\u3000\u30000B1", "K1A 0B1"},
    {"CA", "K1A \u20280B1", "K1A 0B1"},
    {"CA", "K1A\u00a0\u00a0\u00a00B1", NULL},
    {"CA", "K1A\u200b0B1", NULL},
    {"CA", "K1A\u20110B1", NULL},
    {"CA", "K1A", NULL},
    {"CA", "K1A 0B", NULL},
    {"CA", "K1A 0B11", NULL},
    {"CA", "1K1 0B1", NULL},
    {"CA", "D1A 0B1", NULL},
    {"CA", "F1A 0B1", NULL},
    {"CA", "I1A 0B1", NULL},
    {"CA", "O1A 0B1", NULL},
    {"CA", "Q1A 0B1", NULL},
    {"CA", "U1A 0B1", NULL},
    {"CA", "W1A 0B1", NULL},
    {"CA", "Z1A 0B1", NULL},
    {"CA", "K1D 0B1", NULL},
    {"CA", "K1F 0B1", NULL},
    {"CA", "K1I 0B1", NULL},
    {"CA", "K1O 0B1", NULL},
    {"CA", "K1Q 0B1", NULL},
    {"CA", "K1U 0B1", NULL},
    {"CA", "K1A 0D1", NULL},
    {"CA", "K1A 0O1", NULL},
    {"CA", "K1A 0U1", NULL},
    {"CA", "KIA 0B1", NULL},
    {"CA", "K1A OB1", NULL},
    {"CA", "10001", NULL},

    {"AU", "2000", "2000"},
    {"AU", "0800", "0800"},
    {"AU", " 2000 ", "2000"},
    {"AU", "200", NULL},
    {"AU", "20000", NULL},
    {"AU", "2 000", NULL},
    {"AU", "NSW 2000", NULL},
    {"AU", "200O", NULL},
    {"AU", "", NULL},
    {"NZ", "6011", "6011"},
    {"NZ", "0110", "0110"},
    {"NZ", "6011 ", "6011"},
    {"NZ", "601", NULL},
    {"NZ", "60111", NULL},
    {"NZ", "-601", NULL},

    {"GB", "SW1A 1AA", "SW1A 1AA"},
    {"GB", "sw1a 1aa", "SW1A 1AA"},
    {"GB", "SW1A1AA", "SW1A 1AA"},
    {"GB", "SW1A  1AA", "SW1A 1AA"},
    {"GB", " sw1a1aa ", "SW1A 1AA"},
    {"GB", "M1 1AE", "M1 1AE"},
    {"GB", "M11AE", "M1 1AE"},
    {"GB", "B33 8TH", "B33 8TH"},
    {"GB", "CR2 6XH", "CR2 6XH"},
    {"GB", "DN55 1PT", "DN55 1PT"},
    {"GB", "W1A 0AX", "W1A 0AX"},
    {"GB", "EC1A 1BB", "EC1A 1BB"},
    {"GB", "EC1Y 8SY", "EC1Y 8SY"},
    {"GB", "N1C 4AG", "N1C 4AG"},
    {"GB", "N1P 2GE", "N1P 2GE"},
    {"GB", "E1W 1YY", "E1W 1YY"},
    {"GB", "SE1P 5LX", "SE1P 5LX"},
    {"GB", "NW1W 7RG", "NW1W 7RG"},
    {"GB", "E20 2ST", "E20 2ST"},
    {"GB", "BT1 5GS", "BT1 5GS"},
    {"GB", "JE2 3AB", "JE2 3AB"},
    {"GB", "GY1 1AA", "GY1 1AA"},
    {"GB", "IM1 1AA", "IM1 1AA"},
    {"GB", "ZE1 0AA", "ZE1 0AA"},
    {"GB", "BX1 1LT", "BX1 1LT"},
    {"GB", "GIR 0AA", "GIR 0AA"},
    {"GB", "gir0aa", "GIR 0AA"},
    {"GB", "BFPO 61", "BFPO 61"},
    {"GB", "bfpo61", "BFPO 61"},
    {"GB", "BFPO  1234", "BFPO 1234"},
    {"GB", "BFPO 1", "BFPO 1"},
    {"GB", "BF1 2AT", "BF1 2AT"},
    {"GB", "RH6 0HP", "RH6 0HP"},
    {"GB", "RH6 OHP", NULL},
    {"GB", "SW1A   1AA", NULL},
    {"GB", "SW 1A1AA", NULL},
    {"GB", "SW1 A1AA", NULL},
    {"GB", "SW1A 1 AA", NULL},
    {"GB", "SW1A-1AA", NULL},
    {"GB", "SW1A\u00a01AA", "SW1A 1AA"},
    {"GB", "sw1a\u2003\u20031aa", "SW1A 1AA"},
    {"GB", "\u2003SW1A1AA\u3000", "SW1A 1AA"},
    {"GB", "EC1A\u3000\u30001BB", "EC1A 1BB"},
    {"GB", "GIR\u00a00AA", "GIR 0AA"},
    {"GB", "BFPO\u00a0\u00a01234", "BFPO 1234"},
    {"GB", "SW1A\u00a01\u00a0AA", NULL},
    {"GB", "SW1A\u20601AA", NULL},
    {"GB", "SW1A", NULL},
    {"GB", "1AA", NULL},
    {"GB", "SW1A 1A", NULL},
    {"GB", "SW1A 1AAA", NULL},
    {"GB", "SW1A AA1", NULL},
    {"GB", "SW1AA 1AA", NULL},
    {"GB", "SW111 1AA", NULL},
    {"GB", "SWA 1AA", NULL},
    {"GB", "SW 1AA", NULL},
    {"GB", "1SW 1AA", NULL},
    {"GB", "QQ1 1AA", NULL},
    {"GB", "ZZ1 1AA", NULL},
    {"GB", "A1 1AA", NULL},
    {"GB", "XX1 1AA", NULL},
    {"GB", "ABC1 1AA", NULL},
    {"GB", "SW1A 1CA", NULL},
    {"GB", "SW1A 1AI", NULL},
    {"GB", "SW1A 1KA", NULL},
    {"GB", "SW1A 1AM", NULL},
    {"GB", "SW1A 1OA", NULL},
    {"GB", "SW1A 1AV", NULL},
    {"GB", "W1I 1AA", NULL},
    {"GB", "W1Z 1AA", NULL},
    {"GB", "EC1I 1AA", NULL},
    {"GB", "EC1C 1AA", NULL},
    {"GB", "GIR 0AB", NULL},
    {"GB", "GIR 1AA", NULL},
    {"GB", "BFPO", NULL},
    {"GB", "BFPO 12345", NULL},
    {"GB", "BFPO   61", NULL},
    {"GB", "BFPO-61", NULL},
    {"GB", "BFP0 61", NULL},
    {"GB", "61", NULL},
    {"GB", "BF2 1AA", NULL},
    {"GB", "BF12 1AA", NULL},
    {"GB", "ſw1a 1aa", NULL},
    {"GB", "10001", NULL},
};

static struct field_fixture field_fixture;

static void open_trial(void)
{
    field_fixture_open(&field_fixture, "address");
}

static void close_trial(void)
{
    field_fixture_close(&field_fixture);
}

START_TEST(every_accepted_address_has_one_form)
{
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        const char *given = accepted[i].given, *normal = accepted[i].normal ? accepted[i].normal : given;
        const char *outcome = field_fixture_json(&field_fixture, span_of_text(given));
        ck_assert_msg(strcmp(outcome, normal) == 0, "%s gives %s, not %s", given, outcome, normal);
        outcome = field_fixture_json(&field_fixture, span_of_text(normal));
        ck_assert_msg(strcmp(outcome, normal) == 0, "twice is not once: %s gives %s", normal, outcome);
    }
}
END_TEST

START_TEST(every_refused_address_has_its_violations)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const char *outcome = field_fixture_json(&field_fixture, span_of_text(refused[i].given));
        ck_assert_msg(!field_fixture_accepted(&field_fixture) && strcmp(outcome, refused[i].violations) == 0,
                      "%s gives %s, not %s", refused[i].given, outcome, refused[i].violations);
    }
}
END_TEST

/* {"country":"CA","<member>":"<value>","fullAddress":"x"} */
static const char *evaluate_part(const char *country, const char *member, struct span value)
{
    static char json[8192];
    arena_reset(&field_fixture.arena, 0);
    const struct span token = json_string_of(&field_fixture.arena, value);
    const int length =
        snprintf(json, sizeof(json), "{\"country\":\"%s\",\"%s\":%.*s," FULL "}", country, member, SPAN_FORMAT(token));
    ck_assert_int_lt(length, (int)sizeof(json));
    return field_fixture_json(&field_fixture, span_of(json, (size_t)length));
}

static void part_gives(const char *country, const char *member, const char *given, const char *normal, const char *code)
{
    char expected[512];
    if (normal)
        snprintf(expected, sizeof(expected), "{\"country\":\"%s\",\"%s\":\"%s\"," FULL "}", country, member, normal);
    else
        snprintf(expected, sizeof(expected), "/%s %s", member, code);
    const char *outcome = evaluate_part(country, member, span_of_text(given));
    ck_assert_msg(strcmp(outcome, expected) == 0, "%s \"%s\" gives %s, not %s", country, given, outcome, expected);
    if (normal && strcmp(normal, given) != 0)
        part_gives(country, member, normal, normal, code);
}

START_TEST(regions_are_found_by_code_and_name)
{
    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
        if (regions[i].given[0])
            part_gives(regions[i].country, "region", regions[i].given, regions[i].name, "address_region");
        else
            ck_assert_uint_eq(region_find(span_of_text(regions[i].country), SPAN("")).length, 0);
}
END_TEST

START_TEST(postal_codes_have_one_form)
{
    for (size_t i = 0; i < sizeof(postal_codes) / sizeof(postal_codes[0]); i++) {
        char form[POSTAL_CODE_BYTES];
        if (postal_codes[i].given[0])
            part_gives(postal_codes[i].country, "postalCode", postal_codes[i].given, postal_codes[i].form,
                       "address_postal_code");
        else
            ck_assert_uint_eq(postal_code_normalize(span_of_text(postal_codes[i].country), SPAN(""), form), 0);
    }
}
END_TEST

/* For every row of the data, the code, the name and the other names lead to one name, which leads to itself. */
START_TEST(every_region_is_found)
{
    static const struct {
        const char *country, *code, *name;
        bool is_other;
    } rows[] = {
#define REGION(country, code, name)     {country, code, name, false},
#define OTHER_NAME(country, code, name) {country, code, name, true},
#include "worker/validate/data/regions.inc"
    };
    unsigned own = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct span country = span_of_text(rows[i].country);
        const struct span by_code = region_find(country, span_of_text(rows[i].code));
        ck_assert_msg(by_code.length > 0, "%s %s", rows[i].country, rows[i].code);
        ck_assert(span_equal(region_find(country, span_of_text(rows[i].name)), by_code));
        ck_assert(span_equal(region_find(country, by_code), by_code));
        if (!rows[i].is_other)
            ck_assert_msg(span_equal(by_code, span_of_text(rows[i].name)), "%s", rows[i].name);
        own += !rows[i].is_other;
    }
    /* 57 of the US, 13 of CA, 8 of AU in ISO 3166-2; AA, AE, AP, FM, MH, PW. */
    ck_assert_uint_eq(own, 57 + 13 + 8 + 6);
}
END_TEST

START_TEST(every_country_is_found_and_no_other)
{
    unsigned found = 0;
    for (char first = 'A'; first <= 'Z'; first++)
        for (char second = 'A'; second <= 'Z'; second++) {
            const char code[2] = {first, second}, lower[2] = {(char)(first | 0x20), (char)(second | 0x20)};
            const struct country *country = country_find(span_of(code, 2));
            ck_assert_ptr_eq(country_find(span_of(lower, 2)), country);
            if (!country)
                continue;
            ck_assert_int_eq(memcmp(country->code, code, 2), 0);
            ck_assert_uint_gt(strlen(country->name), 2);
            found++;
        }
    ck_assert_uint_eq(found, 249);
    static const char *const others[] = {"", "U", "USA", "U\0", "12", "é", "@@", "[[", "``", "{{", "  ", "u-"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert_ptr_null(country_find(span_of_text(others[i])));
}
END_TEST

/* An accepted value is accepted again, after any mutation. */
START_TEST(mutations_keep_the_promises)
{
    static const char *const pieces[] = {
        " ",  "  ",   "-",   "0",   "1",   "A",   "B", "a",      "O", "I", "é",  "\u0301", "\u00a0", "\t",    "\n",
        "\r", "BFPO", "1AA", "GIR", "New", "US-", "Q", "\u212a", "İ", "ſ", "１", "\u3000", "\u2028", "\u200b"};
    static const char *const countries[] = {"US", "CA", "AU", "GB", "NZ"};
    uint64_t seed = 11;
    char mutation[1024];
    static char once[2048];
    unsigned taken = 0;
    for (unsigned round = 0; round < 40; round++)
        for (size_t i = 0; i < sizeof(postal_codes) / sizeof(postal_codes[0]); i++)
            for (unsigned kind = 0; kind < 2; kind++) {
                const char *from =
                    kind == 0 ? postal_codes[i].given : regions[i % (sizeof(regions) / sizeof(regions[0]))].given;
                const char *member = kind == 0 ? "postalCode" : "region";
                const size_t length = field_fixture_mutate(from, pieces, sizeof(pieces) / sizeof(pieces[0]), &seed,
                                                           mutation, sizeof(mutation));
                const char *outcome = evaluate_part(countries[(seed >> 40) % 5], member, span_of(mutation, length));
                if (!field_fixture_accepted(&field_fixture))
                    continue;
                taken++;
                ck_assert_uint_lt(strlen(outcome), sizeof(once));
                strcpy(once, outcome);
                outcome = field_fixture_json(&field_fixture, span_of_text(once));
                ck_assert_msg(strcmp(outcome, once) == 0, "\"%s\" gives %s, that gives %s", mutation, once, outcome);
            }
    ck_assert_uint_gt(taken, 1000);
}
END_TEST

START_TEST(the_countries_of_a_field_are_the_only_ones)
{
    struct rules *rules = &field_fixture.field.rules;
    rules->has_countries = true;
    rules->countries['U' - 'A'] = 1u << ('S' - 'A');
    rules->countries['A' - 'A'] = 1u << ('U' - 'A') | 1u << ('Z' - 'A');
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("{\"country\":\"us\"," FULL "}")),
                     "{\"country\":\"US\"," FULL "}");
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("{\"country\":\"AZ\"," FULL "}")),
                     "{\"country\":\"AZ\"," FULL "}");
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("{\"country\":\"fr\"," FULL "}")),
                     "/country country_not_allowed");
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("{\"country\":\"XX\"," FULL "}")),
                     "/country address_country");
    ck_assert_str_eq(
        field_fixture_json(&field_fixture, SPAN("{\"city\":1,\"country\":\"CA\",\"region\":\"x\"," FULL "}")),
        "/city type_mismatch, /country country_not_allowed, /region address_region");

    /* A missing country is not one of the allowed countries. */
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("\"x\"")), "/country country_not_allowed");
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("{" FULL "}")), "/country country_not_allowed");
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("{\"fullAddress\":\"\"}")),
                     "/fullAddress required, /country country_not_allowed");

    memset(rules->countries, 0xff, sizeof(rules->countries));
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("{\"country\":\"FR\"," FULL "}")),
                     "{\"country\":\"FR\"," FULL "}");
}
END_TEST

START_TEST(a_message_names_ten_countries_at_most)
{
    struct rules *rules = &field_fixture.field.rules;
    rules->has_countries = true;
    rules->countries['F' - 'A'] = 1u << ('R' - 'A');
    field_fixture_json(&field_fixture, SPAN("{\"country\":\"US\"," FULL "}"));
    ck_assert(span_equal(field_fixture.item.violations->message, SPAN("US is not allowed, the field allows only FR")));
    for (unsigned i = 0; i < 11; i++)
        rules->countries['Z' - 'A'] |= 1u << i;
    field_fixture_json(&field_fixture, SPAN("{\"country\":\"US\"," FULL "}"));
    ck_assert(span_equal(
        field_fixture.item.violations->message,
        SPAN("US is not allowed, the field allows only FR, ZA, ZB, ZC, ZD, ZE, ZF, ZG, ZH, ZI or 2 others")));
    rules->countries['Z' - 'A'] |= 1u << ('S' - 'A'); /* the nearest to US */
    field_fixture_json(&field_fixture, SPAN("{\"country\":\"US\"," FULL "}"));
    ck_assert(span_equal(
        field_fixture.item.violations->message,
        SPAN("US is not allowed, the field allows only ZS, FR, ZA, ZB, ZC, ZD, ZE, ZF, ZG, ZH or 3 others")));
}
END_TEST

START_TEST(a_hostile_object_is_survived)
{
    enum { MEMBERS = 20000 };
    char *json = malloc(MEMBERS * 16 + 64);
    ck_assert_ptr_nonnull(json);
    size_t length = (size_t)sprintf(json, "{\"country\":\"US\"," FULL);
    for (unsigned i = 0; i < MEMBERS; i++)
        length += (size_t)sprintf(json + length, ",\"m%u\":%u", i, i);
    json[length++] = '}';
    field_fixture_json(&field_fixture, span_of(json, length));
    ck_assert_uint_eq(field_fixture.item.violation_count, MEMBERS);
    free(json);
}
END_TEST

int main(void)
{
    TCase *rules = tcase_create("address");
    tcase_add_checked_fixture(rules, open_trial, close_trial);
    tcase_set_timeout(rules, 60);
    tcase_add_test(rules, every_accepted_address_has_one_form);
    tcase_add_test(rules, every_refused_address_has_its_violations);
    tcase_add_test(rules, regions_are_found_by_code_and_name);
    tcase_add_test(rules, postal_codes_have_one_form);
    tcase_add_test(rules, every_region_is_found);
    tcase_add_test(rules, every_country_is_found_and_no_other);
    tcase_add_test(rules, mutations_keep_the_promises);
    tcase_add_test(rules, the_countries_of_a_field_are_the_only_ones);
    tcase_add_test(rules, a_message_names_ten_countries_at_most);
    tcase_add_test(rules, a_hostile_object_is_survived);
    return field_fixture_run(rules, "address");
}

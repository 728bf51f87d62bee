/* The countries that a phone number belongs to, where a field allows only some. */
#include "tests/unit/phone_stage.h"

#define REFUSED(countries) "country_not_allowed: is a number of " countries ", which the field does not allow"
#define OF_NO_COUNTRY(code)                                                                                            \
    "country_not_allowed: +" code " is the calling code of no country, must be one of a country that the field allows"

/* The countries that a number belongs to. */
static const struct {
    const char *allowed; /* two letters each */
    const char *given, *expected;
} country_rows[] = {
    /* A calling code of one country. */
    {"DE", "+49 30 901820", "+4930901820"},
    {"FRDE", "+49 30 901820", "+4930901820"},
    {"FR", "+49 30 901820", REFUSED("DE")},
    {"PT", "+351912345678", SAME},

    /* A shared one: where the number is in use. */
    {"US", "+12025550123", SAME},
    {"CA", "+12025550123", REFUSED("US")},
    {"CA", "+15062345678", SAME},
    {"US", "+15062345678", REFUSED("CA")},
    {"JM", "+18762345678", SAME},
    {"US", "+18762345678", REFUSED("JM")},
    {"GB", "+442079460958", SAME},
    {"JE", "+442079460958", REFUSED("GB")},
    {"JE", "+441534456789", SAME},
    {"GB", "+441534456789", REFUSED("JE")},
    {"KZ", "+77710009998", SAME},
    {"RU", "+77710009998", REFUSED("KZ")},
    {"RU", "+79123456789", SAME},
    {"VA", "+390669812345", SAME},
    {"IT", "+390612345678", SAME},
    {"SJ", "+4779123456", SAME},
    {"AX", "+358181234567", SAME},
    {"FI", "+358181234567", REFUSED("AX")},

    /* In use in several countries: each of them matches. */
    {"US", "+18005551212", SAME},
    {"CA", "+18005551212", SAME},
    {"JM", "+18005551212", SAME},
    {"DE", "+18005551212", REFUSED("US, AG, AI, AS, BB or 20 others")},

    /* Kosovo has a calling code of its own, though none in ISO 3166-1; Ascension and Tristan da Cunha count as Saint
     * Helena. */
    {"XK", "+383 44 123 456", "+38344123456"},
    {"RSXKAL", "+38344123456", SAME},
    {"RS", "+38344123456", REFUSED("XK")},
    {"SH", "+24762889", SAME},
    {"SH", "+2908999", SAME},
    {"SH", "+29022158", SAME},
    {"GB", "+24762889", REFUSED("SH")},
    {"GB", "+2908999", REFUSED("SH")},
    {"GB", "+29022158", REFUSED("SH")},

    /* In use nowhere: by the leading digits, otherwise by the general pattern. */
    {"JM", "+18761234567", SAME},
    {"US", "+18761234567", REFUSED("JM")},
    {"US", "+14441234576", SAME},
    {"CA", "+14441234576", SAME},
    {"JM", "+14441234576", REFUSED("US or CA")},

    /* Of no country. */
    {"US", "+80012345678", OF_NO_COUNTRY("800")},
    {"US", "+881612345678", OF_NO_COUNTRY("881")},

    /* The country of an invalid number is not checked. */
    {"US", "+10234567890", "phone_area_code: no number in +1 begins 0"},
    {"US", "2025550123", PLUS},
};

START_TEST(countries_hold)
{
    field_fixture.field.rules.has_countries = true;
    for (const char *country = country_rows[_i].allowed; *country != '\0'; country += 2)
        field_fixture.field.rules.countries[country[0] - 'A'] |= 1u << (country[1] - 'A');
    assert_outcome(span_of_text(country_rows[_i].given), country_rows[_i].expected);
}
END_TEST

int main(void)
{
    TCase *rules = phone_case();
    tcase_add_loop_test(rules, countries_hold, 0, COUNT_OF(country_rows));
    return field_fixture_run(rules, "phone countries");
}

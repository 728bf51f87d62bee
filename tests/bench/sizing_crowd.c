#include "tests/bench/sizing_crowd.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static const char *const given_names[] = {"Ada",   "Grace",      "Alan",   "Katherine", "Edsger", "Barbara",
                                          "Jo",    "Maximilian", "Wei",    "Fatima",    "Olivia", "Noah",
                                          "Priya", "Santiago",   "Ingrid", "Takeshi"};
static const char *const family_names[] = {"Lovelace", "Hopper",   "Turing",   "Johnson",    "Dijkstra", "Liskov",
                                           "Li",       "Okafor",   "Smith",    "Garcia",     "Nakamura", "Vandenberghe",
                                           "Ng",       "Andersen", "Kowalski", "Oppenheimer"};
static const char *const domains[] = {"example.com", "example.org",         "mail.example.net",       "acme.example",
                                      "uni.example", "accounts.example.co", "northwind-labs.example", "shop.example"};
static const char *const firms[] = {"acme",  "northwind", "contoso",  "globex",   "initech", "umbrella-legal",
                                    "hooli", "stark",     "wayne-co", "vandelay", "pied",    "massive-dynamic",
                                    "cyber", "soylent",   "tyrell",   "oscorp"};
static const char *const services[] = {"", "\"services\": [\"fileSharing\"],",
                                       "\"services\": [\"fileSharing\", \"metrics\"],", "\"services\": [\"metrics\"],"};
static const char *const pronouns[] = {"", "\"pronouns\": \"She/Her/Hers\",", "\"pronouns\": \"He/Him/His\",",
                                       "\"pronouns\": \"They/Them/Theirs\","};
static const char *const addresses[] = {
    "null",
    "{\"country\": \"US\", \"region\": \"New York\", \"postalCode\": \"10001\", \"addressLine1\": \"1201 Broadway\","
    " \"addressLine2\": \"704\", \"city\": \"New York\","
    " \"fullAddress\": \"1201 Broadway\\n704\\nNew York, New York, 10001\\nUnited States\"}",
    "{\"country\": \"GB\", \"postalCode\": \"SW1A 1AA\", \"addressLine1\": \"10 Downing Street\","
    " \"city\": \"London\", \"fullAddress\": \"10 Downing Street\\nLondon\\nSW1A 1AA\\nUnited Kingdom\"}",
    "{\"country\": \"DE\", \"fullAddress\": \"Platz der Republik 1\\n11011 Berlin\\nDeutschland\"}"};

#define PICK(table, bits) ((table)[(bits) % (sizeof(table) / sizeof((table)[0]))])

/* The finalizer of splitmix64: numbers that look random. */
static uint64_t mixed(uint64_t number)
{
    number += UINT64_C(0x9e3779b97f4a7c15);
    number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
    return number ^ (number >> 31);
}

int64_t sizing_crowd_workspace(const struct sizing_crowd *crowd, int64_t client)
{
    if (crowd->example)
        return client % crowd->workspaces;
    const double drawn = (double)(mixed((uint64_t)client) >> 11) * 0x1p-53;
    const int64_t workspace = (int64_t)((double)crowd->workspaces * pow(drawn, crowd->skew));
    return workspace < crowd->workspaces ? workspace : crowd->workspaces - 1;
}

double sizing_crowd_share(const struct sizing_crowd *crowd, int64_t workspace)
{
    const double all = (double)crowd->workspaces, exponent = crowd->example ? 1 : 1 / crowd->skew;
    return pow((double)(workspace + 1) / all, exponent) - pow((double)workspace / all, exponent);
}

size_t sizing_crowd_name(const struct sizing_crowd *crowd, char *text, int64_t workspace)
{
    if (crowd->example)
        return example_workspace(text, workspace);
    /* An odd factor: no two of the first 2^32 workspaces have the same name. */
    return (size_t)snprintf(text, EXAMPLE_BYTES, "%s-%08" PRIx32, PICK(firms, mixed((uint64_t)workspace)),
                            (uint32_t)workspace * UINT32_C(0x9e3779b1));
}

size_t sizing_crowd_command(const struct sizing_crowd *crowd, char *text, int64_t client)
{
    char workspace[EXAMPLE_BYTES], phone[64] = "";
    const int64_t number = sizing_crowd_workspace(crowd, client);
    if (crowd->example)
        return example_command(text, crowd->example, client, number);
    const uint64_t bits = mixed((uint64_t)client ^ UINT64_C(0x5bf03635));
    sizing_crowd_name(crowd, workspace, number);
    if (bits >> 60 < 11)
        snprintf(phone, sizeof(phone), "\"phoneNumber\": \"+1444123%04u\",", (unsigned)(bits >> 40) % 10000);
    const char *given = PICK(given_names, bits), *family = PICK(family_names, bits >> 8);
    return (size_t)snprintf(text, EXAMPLE_BYTES,
                            "{\"commandId\": \"import/%" PRId64 "\", \"workspaceId\": \"%s\", \"givenName\": \"%s\","
                            " \"familyName\": \"%s\", \"email\": \"%s.%s%" PRId64 "@%s\", %s\"customFields\":"
                            " {%s %s %s \"address\": %s}}",
                            client, workspace, given, family, given, family, client, PICK(domains, bits >> 16),
                            (bits >> 24) % 2 ? "\"companyId\": \"29a80abc-8d1c-4a07-9d3e-5f0c1b2a3d4e\", " : "",
                            PICK(services, bits >> 28), PICK(pronouns, bits >> 32), phone, PICK(addresses, bits >> 36));
}

#include "worker/http/status_page.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>

/* The assembler copies the file into the program; its path is relative to the folder in which make runs. */
__asm__(".pushsection .rodata\n"
        "status_page_begin:\n"
        ".incbin \"worker/http/status_page.html\"\n"
        "status_page_end:\n"
        ".popsection\n");

extern const char status_page_begin[], status_page_end[];

struct span status_page(void)
{
    // cppcheck-suppress comparePointers // the assembler puts one right before the other
    return span_of(status_page_begin, (size_t)(status_page_end - status_page_begin));
}

#define HASH_TEXT 48 /* of SHA-256 in Base64, with a final NUL */

/* The hash of what stands between the tags, which the page has once. */
static void hash_between(const char *open, const char *close, char hash[HASH_TEXT])
{
    struct span page = status_page();
    unsigned char digest[SHA256_DIGEST_LENGTH];
    const char *begin = memmem(page.at, page.length, open, strlen(open));
    assert(begin);
    begin += strlen(open);
    const char *end = memmem(begin, (size_t)(page.at + page.length - begin), close, strlen(close));
    assert(end);
    SHA256((const unsigned char *)begin, (size_t)(end - begin), digest);
    EVP_EncodeBlock((unsigned char *)hash, digest, sizeof(digest));
}

void status_page_policy(char policy[STATUS_PAGE_POLICY])
{
    char script[HASH_TEXT], style[HASH_TEXT];
    hash_between("<script>", "</script>", script);
    hash_between("<style>", "</style>", style);
    snprintf(policy, STATUS_PAGE_POLICY,
             "default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; connect-src 'self'; img-src data:; "
             "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
             "trusted-types 'none'",
             script, style);
}

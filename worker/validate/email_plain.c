#include "worker/validate/email_plain.h"

#include "common/host.h"

const bool email_atom_bytes[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['!'] = true, ['#'] = true, ['$'] = true,
    ['%'] = true,         ['&'] = true,         ['\''] = true,        ['*'] = true, ['+'] = true, ['-'] = true,
    ['/'] = true,         ['='] = true,         ['?'] = true,         ['^'] = true, ['_'] = true, ['`'] = true,
    ['{'] = true,         ['|'] = true,         ['}'] = true,         ['~'] = true,
};

/* A lower-case letter or a digit. */
static const bool label_bytes[256] = {['a' ... 'z'] = true, ['0' ... '9'] = true};

/* The end of the bytes of `set` from `from` on. */
static inline size_t skip(struct span text, size_t from, const bool set[256])
{
    while (from < text.length && set[(unsigned char)text.at[from]])
        from++;
    return from;
}

/* The length of a local part at the front of `text`; 0 if there is none. */
static size_t local_length(struct span text)
{
    for (size_t at = 0;; at++) {
        const size_t begin = at;
        at = skip(text, begin, email_atom_bytes);
        if (at == begin || at == text.length)
            return 0;
        if (text.at[at] != '.')
            return at;
    }
}

/* So short that no label is too long. */
static bool is_plain_domain(struct span domain)
{
    size_t last = 0; /* where the last label begins */
    if (domain.length > HOST_LABEL_BYTES)
        return false;
    for (size_t at = 0;; at++) {
        const size_t begin = at;
        at = skip(domain, begin, label_bytes);
        if (at == begin)
            return false;
        if (at == domain.length)
            return last > 0 && domain.at[last] >= 'a';
        if (domain.at[at] == '.')
            last = at + 1;
        else if (domain.at[at] != '-')
            return false;
    }
}

bool email_is_plain(struct span text)
{
    const size_t local = local_length(text);
    return local > 0 && local <= LOCAL_PART_BYTES && text.at[local] == '@' &&
           is_plain_domain(span_from(text, local + 1));
}

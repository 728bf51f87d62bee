#include "worker/http/status_page.h"

/* The assembler copies the file into the program; its path is relative to the folder in which make runs. */
__asm__(".pushsection .rodata\n"
        "status_page_begin:\n"
        ".incbin \"worker/http/status_page.html\"\n"
        "status_page_end:\n"
        ".popsection\n");

extern const char status_page_begin[], status_page_end[];

struct span status_page(void)
{
    return span_of(status_page_begin, (size_t)(status_page_end - status_page_begin));
}

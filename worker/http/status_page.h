/* status_page: the page at "/", which is status_page.html. Its script reads /status.json. */
#ifndef WORKER_HTTP_STATUS_PAGE_H
#define WORKER_HTTP_STATUS_PAGE_H

#include "common/span.h"

#define STATUS_PAGE_POLICY 512

struct span status_page(void);

/* The Content-Security-Policy of the page: nothing but its own script and style, by their hashes, and answers of its
 * own origin. Its script cannot make markup of text. */
void status_page_policy(char policy[STATUS_PAGE_POLICY]);

#endif

/* status_page: the page at "/", which is status_page.html. Its script reads /metrics and /readyz. */
#ifndef WORKER_HTTP_STATUS_PAGE_H
#define WORKER_HTTP_STATUS_PAGE_H

#include "common/span.h"

struct span status_page(void);

#endif

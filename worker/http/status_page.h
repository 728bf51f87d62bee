/* status_page: the page at "/", status_page.html as it stands. It reads /metrics and /readyz itself. */
#ifndef WORKER_HTTP_STATUS_PAGE_H
#define WORKER_HTTP_STATUS_PAGE_H

#include "common/span.h"

struct span status_page(void);

#endif

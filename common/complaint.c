#include "common/complaint.h"

#include <stdio.h>

#include "common/clock.h"

void complaint_open(struct complaint *complaint)
{
    *complaint = (struct complaint){.began_ms = 0};
    pthread_mutex_init(&complaint->lock, NULL);
}

void complaint_close(struct complaint *complaint)
{
    pthread_mutex_destroy(&complaint->lock);
}

void complaint_begin(struct complaint *complaint, const char *what, struct span detail)
{
    pthread_mutex_lock(&complaint->lock);
    if (detail.length > 0)
        snprintf(complaint->text, sizeof(complaint->text), "%s: %.*s", what, SPAN_FORMAT(detail));
    else
        snprintf(complaint->text, sizeof(complaint->text), "%s", what);
    complaint->began_ms = clock_wall_ms();
    complaint->ended_ms = 0;
    pthread_mutex_unlock(&complaint->lock);
}

void complaint_end(struct complaint *complaint)
{
    pthread_mutex_lock(&complaint->lock);
    if (complaint->began_ms > 0 && complaint->ended_ms == 0)
        complaint->ended_ms = clock_wall_ms();
    pthread_mutex_unlock(&complaint->lock);
}

struct complaint_view complaint_read(struct complaint *complaint)
{
    struct complaint_view view;
    pthread_mutex_lock(&complaint->lock);
    view.began_ms = complaint->began_ms;
    view.ended_ms = complaint->ended_ms;
    memcpy(view.text, complaint->text, sizeof(view.text));
    pthread_mutex_unlock(&complaint->lock);
    return view;
}

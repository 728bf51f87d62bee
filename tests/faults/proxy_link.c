#include "tests/faults/proxy_link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES  65536
#define QUEUE_BYTES (4 << 20) /* of one direction; then nothing more is read */
#define RATE_PARTS  20        /* pieces per second where a rate is set */

void link_open(struct link *link, int client, int server, bool is_kafka)
{
    *link = (struct link){.ends = {[TO_SERVER] = server, [TO_CLIENT] = client}, .cut_left = -1};
    for (int i = 0; i < DIRECTIONS; i++)
        setsockopt(link->ends[i], IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (is_kafka && !(link->requests = calloc(1, sizeof(*link->requests))))
        abort();
}

static void link_close(struct link *link)
{
    for (int i = 0; i < DIRECTIONS; i++) {
        queue_clear(&link->lanes[i].queue);
        close(link->ends[i]);
    }
    free(link->requests);
}

void link_reset(struct link *link)
{
    const struct linger linger = {.l_onoff = 1};
    for (int i = 0; i < DIRECTIONS; i++)
        setsockopt(link->ends[i], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    link_close(link);
}

static bool lane_reads(const struct lane *lane, bool hangs)
{
    return !lane->ended && !hangs && lane->queue.bytes < QUEUE_BYTES;
}

void link_prepare(const struct link *link, const struct rules *rules, struct pollfd *polls)
{
    for (int i = 0; i < DIRECTIONS; i++) {
        enum direction from_here = i == TO_SERVER ? TO_CLIENT : TO_SERVER;
        bool reads = link->connected && lane_reads(&link->lanes[from_here], rules->hang[from_here]);
        bool writes = (i == TO_SERVER && !link->connected) || (link->lanes[i].blocked && !rules->hang[i]);
        polls[i].events = (short)((reads ? POLLIN : 0) | (writes ? POLLOUT : 0));
        polls[i].fd = polls[i].events ? link->ends[i] : -1;
        polls[i].revents = 0;
    }
}

int64_t link_wakes_ms(const struct link *link, const struct rules *rules)
{
    int64_t soonest = INT64_MAX;
    for (int i = 0; i < DIRECTIONS; i++) {
        const struct lane *lane = &link->lanes[i];
        if (!lane->queue.first || lane->blocked || rules->hang[i])
            continue;
        int64_t due_ms = lane->queue.first->due_ms;
        if (lane->write_ms > due_ms)
            due_ms = lane->write_ms;
        if (due_ms < soonest)
            soonest = due_ms;
    }
    return soonest;
}

struct arrival {
    struct link *link;
    enum direction direction;
    int64_t now_ms;
    int delay_ms;
};

static void take_frame(void *context, const struct frame_rule *rule, const unsigned char *bytes, size_t length)
{
    const struct arrival *arrival = context;
    int delay_ms = rule->action == FRAME_DELAY ? rule->delay_ms : arrival->delay_ms;
    if (rule->action == FRAME_RESET)
        arrival->link->broken = true;
    else if (rule->action != FRAME_DROP)
        queue_add(&arrival->link->lanes[arrival->direction].queue, bytes, length, arrival->now_ms + delay_ms);
}

static void lane_read(struct link *link, enum direction direction, struct rules *rules, int64_t now_ms)
{
    static unsigned char bytes[READ_BYTES];
    struct lane *lane = &link->lanes[direction];
    struct arrival arrival = {link, direction, now_ms, rules->delay_ms};
    const struct frame_rule plain = {.action = FRAME_PASS};
    ssize_t length = recv(link->ends[direction == TO_SERVER ? TO_CLIENT : TO_SERVER], bytes, sizeof(bytes), 0);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0) {
        /* Whatever is under way still arrives, as it would from a network. */
        lane->ended = true;
        queue_add(&lane->queue, NULL, 0, now_ms + rules->delay_ms);
    } else if (lane->closed) {
        return;
    } else if (link->requests) {
        frames_feed(&lane->frames, link->requests, rules, direction, bytes, (size_t)length, take_frame, &arrival);
    } else {
        take_frame(&arrival, &plain, bytes, (size_t)length);
    }
}

static size_t lane_portion(const struct link *link, enum direction direction, const struct rules *rules, size_t length)
{
    size_t rated = rules->rate > RATE_PARTS ? rules->rate / RATE_PARTS : 1;
    if (rules->slice_bytes > 0 && length > rules->slice_bytes)
        length = rules->slice_bytes;
    if (rules->rate > 0 && length > rated)
        length = rated;
    if (direction == TO_CLIENT && link->cut_left >= 0 && length > (size_t)link->cut_left)
        length = (size_t)link->cut_left;
    return length;
}

/* The receiver is gone. A server's end ends the link; behind a client's, the server still gets what was on its way. */
static void lane_fail(struct link *link, enum direction direction)
{
    link->lanes[direction].closed = true;
    queue_clear(&link->lanes[direction].queue);
    if (direction == TO_SERVER)
        link->broken = true;
}

static void lane_write(struct link *link, enum direction direction, struct rules *rules, int64_t now_ms)
{
    struct lane *lane = &link->lanes[direction];
    for (struct piece *piece; (piece = lane->queue.first) && piece->due_ms <= now_ms && lane->write_ms <= now_ms;) {
        if (piece->length == 0) {
            shutdown(link->ends[direction], SHUT_WR);
            lane->closed = true;
            queue_sent(&lane->queue, 0);
            return;
        }
        size_t portion = lane_portion(link, direction, rules, piece->length - piece->sent);
        ssize_t sent = portion > 0 ? send(link->ends[direction], piece->bytes + piece->sent, portion, MSG_NOSIGNAL) : 0;
        if (sent < 0) {
            lane->blocked = errno == EAGAIN;
            if (errno != EAGAIN && errno != EINTR)
                lane_fail(link, direction);
            return;
        }
        queue_sent(&lane->queue, (size_t)sent);
        if (rules->slice_bytes > 0)
            lane->write_ms = now_ms + rules->slice_pause_ms;
        if (rules->rate > 0)
            lane->write_ms = now_ms + sent * 1000 / (ssize_t)rules->rate;
        if (direction == TO_CLIENT && link->cut_left >= 0 && (link->cut_left -= sent) == 0) {
            link->broken = true;
            rules->matched++;
            return;
        }
    }
}

static bool link_connects(struct link *link, const struct pollfd *polls)
{
    int code = 0;
    if (polls[TO_SERVER].revents == 0)
        return true;
    if (getsockopt(link->ends[TO_SERVER], SOL_SOCKET, SO_ERROR, &code, &(socklen_t){sizeof(code)}) != 0 || code != 0)
        return false;
    link->connected = true;
    return true;
}

bool link_turn(struct link *link, struct rules *rules, const struct pollfd *polls, int64_t now_ms)
{
    if (!link->connected) {
        if (link_connects(link, polls))
            return true;
        link_reset(link);
        return false;
    }
    for (int i = 0; i < DIRECTIONS && !link->broken; i++) {
        const struct pollfd *source = &polls[i == TO_SERVER ? TO_CLIENT : TO_SERVER];
        struct lane *lane = &link->lanes[i];
        if ((source->revents & (POLLIN | POLLHUP | POLLERR)) && lane_reads(lane, rules->hang[i]))
            lane_read(link, i, rules, now_ms);
        if (polls[i].revents)
            lane->blocked = false;
        if (!rules->hang[i] && !lane->blocked && !link->broken)
            lane_write(link, i, rules, now_ms);
    }
    if (link->broken) {
        link_reset(link);
        return false;
    }
    for (int i = 0; i < DIRECTIONS; i++)
        if (!link->lanes[i].ended || !link->lanes[i].closed)
            return true;
    link_close(link);
    return false;
}

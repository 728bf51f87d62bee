#include "tests/bench/sizing_cost.h"

#include <math.h>

const struct sizing_cost sizing_cost_measured = {
    .command = 3.7, .batch = 75, .partition = 6.2, .offset = 0.0020, .script = 5.3, .call = 6.7};

/* Of `places`, how many have at least one of `balls` that fall at random. */
static double occupied(double places, double balls)
{
    return places * (1 - pow(1 - 1 / places, balls));
}

struct sizing_turn sizing_turn_of(const struct sizing_load *load)
{
    const double rate = load->rate / load->threads, own = fmax(1, load->partitions / load->threads);
    struct sizing_turn turn = {.commands = fmin(load->batch_most, fmax(1, rate * load->turn_ms / 1000))};
    turn.per_second = rate / turn.commands;
    turn.partitions = own > 1 ? occupied(own, turn.commands) : 1;
    return turn;
}

double sizing_cost_share(const struct sizing_cost *cost, const struct sizing_load *load, double slots)
{
    const struct sizing_turn turn = sizing_turn_of(load);
    const double fence = cost->batch + turn.partitions * (cost->partition + load->record_partitions * cost->offset);
    const double claims = slots > 0 ? turn.commands * cost->script + slots * cost->call : turn.commands * cost->command;
    return load->threads * turn.per_second * (fence + claims) / 1e6;
}

/* sizing_simulate: what an installation of any size needs of Redis, as JSON lines. It starts no server, and the same
 * arguments give the same bytes.
 *
 *   sizing_simulate [--clients N] [--workspaces N] [--skew X] [--example RUN] [--partitions N] [--record-partitions N]
 *                   [--masters N] [--threads N] [--rate N] [--sample N] [--quantum 8|16] [--cluster] [--turn MS]
 *                   [--rebuild-rate N] [--topic NAME] [--each]
 *
 *   client      bytes of a client, by parts, without the table that all keys share. At most --sample clients (20,000)
 *               are composed; `error` is the standard error of the mean then
 *   workspace   bytes of its definitions, those of the contract's example
 *   partition   bytes of its owner, its checkpoint, and how far it is claimed
 *   masters     memory of all, of the fullest and of the emptiest; `imbalance`, the fullest over the mean; what the
 *               fullest takes in addition while its table doubles. With --each also a line for each
 *   load        at --rate commands a second: a thread's batches, how many processors Redis needs, and what
 *               checkpoints take of the network. --turn: the least time from one batch of a thread to the next, 7 ms
 *   rebuild     of everything by one worker, at --rebuild-rate clients a second (30,000), and its memory for it
 *
 * Default: the crowd of sizing_fill, one master that is no node of a cluster, 2 threads, 10,000 commands a second. With
 * several masters a cluster is meant. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/measure.h"
#include "tests/bench/sizing_bytes.h"
#include "tests/bench/sizing_cost.h"
#include "tests/bench/sizing_spread.h"

#define GIB           1073741824.0
#define BATCH_MOST    5000 /* batch.commands */
#define RECORD_PLACE  32   /* bytes of a client in record_places.c, in tables that are full to between 8/15 and 4/5 */
#define RECORD_FULL   0.8
#define RECORD_GROWTH 1.5

struct simulation {
    struct sizing_crowd crowd;
    struct sizing_layout layout;
    struct sizing_load load;
    int masters;
    int64_t sample;
    double rebuild_rate;
    bool each;
    char topic[320]; /* commands.topic=NAME, or "" */
};

static double keys_of(const struct simulation *simulation, const struct sizing_spread *spread, int master)
{
    return 2 * spread->clients[master] + spread->workspaces[master] + 3 * simulation->load.partitions;
}

static double bytes_of(const struct simulation *simulation, const struct sizing_spread *spread,
                       const struct sizing_bytes *bytes, int master)
{
    return spread->clients[master] * (bytes->client + bytes->email) + spread->workspaces[master] * bytes->definitions +
           simulation->load.partitions * bytes->partition + sizing_table_bytes(keys_of(simulation, spread, master));
}

static void print_bytes(const struct simulation *simulation, const struct sizing_bytes *bytes)
{
    const int64_t clients = simulation->crowd.clients;
    printf("{\"name\":\"client\",\"bytes\":%.1f,\"client\":%.1f,\"email\":%.1f,\"sample\":%lld,\"error\":%.2f}\n",
           bytes->client + bytes->email, bytes->client, bytes->email,
           (long long)(clients < simulation->sample ? clients : simulation->sample), bytes->error);
    printf("{\"name\":\"workspace\",\"bytes\":%.1f}\n", bytes->definitions);
    printf("{\"name\":\"partition\",\"bytes\":%.0f,\"all_mib\":%.3f}\n", bytes->partition,
           bytes->partition * simulation->load.partitions / 1048576);
}

/* Returns the greatest part of the clients that a master has. */
static double print_masters(const struct simulation *simulation, const struct sizing_spread *spread,
                            const struct sizing_bytes *bytes)
{
    double most = 0, least = HUGE_VAL, sum = 0, clients = 0, doubling = 0;
    for (int master = 0; master < simulation->masters; master++) {
        const double here = bytes_of(simulation, spread, bytes, master);
        if (here > most)
            doubling = 2 * sizing_table_bytes(keys_of(simulation, spread, master));
        most = fmax(most, here);
        least = fmin(least, here);
        sum += here;
        clients = fmax(clients, spread->clients[master]);
        if (simulation->each)
            printf("{\"name\":\"master\",\"number\":%d,\"clients\":%.0f,\"workspaces\":%.0f,\"bytes\":%.0f}\n", master,
                   spread->clients[master], spread->workspaces[master], here);
    }
    printf("{\"name\":\"masters\",\"masters\":%d,\"all_bytes\":%.0f,\"most_gib\":%.3f,\"least_gib\":%.3f,\"imbalance\":"
           "%.3f,"
           "\"doubling_gib\":%.3f,\"largest_workspace\":%.5f}\n",
           simulation->masters, sum, most / GIB, least / GIB, most / (sum / simulation->masters), doubling / GIB,
           spread->largest);
    return clients / (double)simulation->crowd.clients;
}

static void print_load(const struct simulation *simulation, const struct sizing_spread *spread,
                       const struct sizing_bytes *bytes, double part)
{
    const struct sizing_turn turn = sizing_turn_of(&simulation->load);
    const double slots = simulation->layout.is_cluster ? sizing_spread_slots(spread, turn.commands) : 0;
    const double share = sizing_cost_share(&sizing_cost_measured, &simulation->load, slots);
    printf("{\"name\":\"load\",\"rate\":%.0f,\"batch\":%.0f,\"batch_partitions\":%.1f,\"batches_per_s\":%.0f,"
           "\"redis_us\":%.2f,\"processors\":%.3f,\"most_of_a_master\":%.3f,\"checkpoint_mib_s\":%.1f}\n",
           simulation->load.rate, turn.commands, turn.partitions, turn.per_second * simulation->load.threads,
           share * 1e6 / simulation->load.rate, share, share * part,
           turn.partitions * turn.per_second * simulation->load.threads * bytes->checkpoint / 1048576);
}

static void print_rebuild(const struct simulation *simulation)
{
    const double clients = (double)simulation->crowd.clients;
    printf("{\"name\":\"rebuild\",\"seconds\":%.0f,\"worker_gib_least\":%.3f,\"worker_gib_most\":%.3f}\n",
           clients / simulation->rebuild_rate, clients * RECORD_PLACE / RECORD_FULL / GIB,
           clients * RECORD_PLACE / RECORD_FULL * RECORD_GROWTH / GIB);
}

static int simulate(const struct simulation *simulation)
{
    struct sizing_spread spread;
    const char *settings[] = {simulation->topic[0] ? simulation->topic : NULL, NULL};
    struct config *config = config_read(&(struct config_sources){.path = NULL, .settings = settings});
    if (!config)
        return 78;
    const struct sizing_bytes bytes =
        sizing_bytes_of(config, &simulation->crowd, &simulation->layout, (int32_t)simulation->load.partitions,
                        (int32_t)simulation->load.record_partitions, simulation->sample);
    sizing_spread_open(&spread, &simulation->crowd, simulation->masters,
                       simulation->crowd.clients <= simulation->sample);
    print_bytes(simulation, &bytes);
    print_load(simulation, &spread, &bytes, print_masters(simulation, &spread, &bytes));
    print_rebuild(simulation);
    sizing_spread_close(&spread);
    config_free(config);
    return 0;
}

int main(int count, char **arguments)
{
    enum {
        CLIENTS = 256,
        WORKSPACES,
        SKEW,
        EXAMPLE,
        PARTITIONS,
        RECORDS,
        MASTERS,
        THREADS,
        RATE,
        SAMPLE,
        QUANTUM,
        CLUSTER,
        TURN,
        REBUILD,
        TOPIC,
        EACH
    };
    static const struct option known[] = {{"clients", required_argument, NULL, CLIENTS},
                                          {"workspaces", required_argument, NULL, WORKSPACES},
                                          {"skew", required_argument, NULL, SKEW},
                                          {"example", required_argument, NULL, EXAMPLE},
                                          {"partitions", required_argument, NULL, PARTITIONS},
                                          {"record-partitions", required_argument, NULL, RECORDS},
                                          {"masters", required_argument, NULL, MASTERS},
                                          {"threads", required_argument, NULL, THREADS},
                                          {"rate", required_argument, NULL, RATE},
                                          {"sample", required_argument, NULL, SAMPLE},
                                          {"quantum", required_argument, NULL, QUANTUM},
                                          {"cluster", no_argument, NULL, CLUSTER},
                                          {"turn", required_argument, NULL, TURN},
                                          {"rebuild-rate", required_argument, NULL, REBUILD},
                                          {"topic", required_argument, NULL, TOPIC},
                                          {"each", no_argument, NULL, EACH},
                                          {NULL, 0, NULL, 0}};
    struct simulation simulation = {
        .crowd = {.clients = 100000, .workspaces = 500, .skew = 2},
        .layout = {.quantum = 16},
        .load = {.rate = 10000, .threads = 2, .partitions = 4, .turn_ms = 7, .batch_most = BATCH_MOST},
        .masters = 1,
        .sample = 20000,
        .rebuild_rate = 30000};
    for (int option; (option = getopt_long(count, arguments, "", known, NULL)) != -1;) {
        switch (option) {
        case CLIENTS:
            simulation.crowd.clients = number_of(optarg, 1);
            break;
        case WORKSPACES:
            simulation.crowd.workspaces = number_of(optarg, 1);
            break;
        case SKEW:
            simulation.crowd.skew = strtod(optarg, NULL);
            break;
        case EXAMPLE:
            simulation.crowd.example = optarg;
            break;
        case PARTITIONS:
            simulation.load.partitions = (double)number_of(optarg, 1);
            break;
        case RECORDS:
            simulation.load.record_partitions = (double)number_of(optarg, 1);
            break;
        case MASTERS:
            simulation.masters = (int)number_of(optarg, 1);
            break;
        case THREADS:
            simulation.load.threads = (double)number_of(optarg, 1);
            break;
        case RATE:
            simulation.load.rate = (double)number_of(optarg, 1);
            break;
        case SAMPLE:
            simulation.sample = number_of(optarg, 1);
            break;
        case QUANTUM:
            simulation.layout.quantum = (size_t)number_of(optarg, 8);
            break;
        case CLUSTER:
            simulation.layout.is_cluster = true;
            break;
        case TURN:
            simulation.load.turn_ms = (double)number_of(optarg, 1);
            break;
        case REBUILD:
            simulation.rebuild_rate = (double)number_of(optarg, 1);
            break;
        case TOPIC:
            snprintf(simulation.topic, sizeof(simulation.topic), "commands.topic=%s", optarg);
            break;
        case EACH:
            simulation.each = true;
            break;
        default:
            return 64;
        }
    }
    if (optind != count || simulation.crowd.skew < 1 || simulation.masters > REDIS_SLOTS)
        return 64;
    simulation.layout.is_cluster = simulation.layout.is_cluster || simulation.masters > 1;
    if (simulation.load.record_partitions == 0)
        simulation.load.record_partitions = simulation.load.partitions;
    return simulate(&simulation);
}

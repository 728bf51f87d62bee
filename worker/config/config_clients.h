/* config_clients: whether librdkafka takes the settings of a client together. It takes each of them alone, and tells a
 * contradiction, or a value that goes with no transactions, only when the client is created. */
#ifndef WORKER_CONFIG_CONFIG_CLIENTS_H
#define WORKER_CONFIG_CONFIG_CLIENTS_H

#include "worker/config/config_source.h"

/* Creates the consumer and the producer of a worker, without brokers, and frees them. Prints each error, at the
 * position of the setting without which it would not occur. Asks the network for nothing and logs nothing. A client
 * with the defaults only is not created, which saves some milliseconds. What depends on this machine's files, such as
 * certificates and plugins, is left out: it may come later. */
void config_check_clients(struct config_reading *reading, const struct config *config);

#endif

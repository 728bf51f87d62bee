#!/usr/bin/env bash
# Kafka's error codes, on librdkafka's mock cluster: tests/faults/error_codes.c. FAULTS=all takes every code.
cd "$(dirname "$0")/../.." || exit 1
cat <<'END'
criterion: an error code on a request: every command before, with and after it has its reply, record and dead letter within 30 s; the transaction is retried, aborted or given to a new producer as the code demands; the worker stops in time
criterion: the same error five times in a row: the same
criterion: a connection that ends in place of an answer, an answer 1.5 s late: the same
criterion: coordinators and partition leaders move under load: the same
END
exec "${BUILD:-build}/tests/faults/error_codes"

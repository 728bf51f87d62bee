/* client: the members of a client, checked and normalized, between the command and the record. */
#ifndef WORKER_VALIDATE_CLIENT_H
#define WORKER_VALIDATE_CLIENT_H

#include "worker/validate/check.h"

#define NAME_CHARACTERS       255 /* code points of a givenName or familyName */
#define COMPANY_ID_CHARACTERS 255

struct client {
    struct span given_name, family_name; /* JSON strings */
    struct span email;                   /* not JSON */
    struct span company_id;              /* a JSON string; at == NULL: none */
    const struct span *company_ids;      /* JSON strings */
    uint32_t company_count;
    bool invited;
    bool custom_fields_given;         /* the command has customFields, with at least one member */
    const struct span *custom_fields; /* JSON text by field index, at == NULL: absent; NULL: none at all */
};

/* Each function checks the value at `node`, which is at the check's present path, and sets its part of `client` or
 * adds violations. */
void client_given_name_evaluate(struct check *check, uint32_t node, struct client *client);
void client_family_name_evaluate(struct check *check, uint32_t node, struct client *client);
void client_email_evaluate(struct check *check, uint32_t node, struct client *client);
void client_send_invite_evaluate(struct check *check, uint32_t node, struct client *client);
void client_company_id_evaluate(struct check *check, uint32_t node, struct client *client);
void client_company_ids_evaluate(struct check *check, uint32_t node, struct client *client);
void client_custom_fields_evaluate(struct check *check, uint32_t node, struct client *client);

/* For a command without customFields. Their path is entered nevertheless. Adds a violation for every required field. */
void client_custom_fields_missing(struct check *check);

#endif

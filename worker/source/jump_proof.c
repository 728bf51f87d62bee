#include "worker/source/jump_proof.h"

#define FEW       3 /* offsets between that are read without looking for `low` */
#define MOST_SEEN 8 /* hints that are read */
#define MOST_HELD 8 /* readings for `low`, one after the other, that show nothing new */

void jump_proof_begin(struct jump_proof *proof, int64_t from, const struct log_mark *to, uint64_t chance)
{
    const int64_t hint = proof->hint >= from ? proof->hint : -1;
    *proof = (struct jump_proof){
        .from = from, .to = *to, .last = *to, .low = from, .seen = from - 1, .hint = hint, .chance = chance};
}

void jump_proof_hint(struct jump_proof *proof, int64_t offset)
{
    if (offset < proof->to.offset && proof->hints < MOST_SEEN)
        proof->hint = offset;
}

/* A splitmix64. */
static uint64_t draw(struct jump_proof *proof)
{
    uint64_t mixed = proof->chance += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
}

static int probes_of(const struct jump_proof *proof)
{
    int64_t count = proof->end - proof->begin;
    return count < 0 ? 0 : count > JUMP_PROBES ? JUMP_PROBES : (int)count;
}

static int64_t offset_of_probe(struct jump_proof *proof)
{
    const int64_t count = proof->end - proof->begin;
    if (count <= JUMP_PROBES || proof->probe == 0)
        return proof->begin + proof->probe;
    const int64_t share = count / JUMP_PROBES, low = proof->begin + share * proof->probe;
    const int64_t high = proof->probe == JUMP_PROBES - 1 ? proof->end : low + share;
    return low + (int64_t)(draw(proof) % (uint64_t)(high - low));
}

struct jump_question jump_proof_question(struct jump_proof *proof)
{
    switch (proof->step) {
    case PROOF_TO:
        break;
    case PROOF_LAST:
        return (struct jump_question){.offset = proof->last.offset};
    case PROOF_LOW:
        return (struct jump_question){proof->low, true, proof->seen, proof->to.offset};
    case PROOF_BETWEEN:
    case PROOF_TAIL:
        return (struct jump_question){.offset = offset_of_probe(proof)};
    case PROOF_HINT:
        return (struct jump_question){.offset = proof->hint};
    }
    return (struct jump_question){.offset = proof->to.offset};
}

/* ---- the steps ---- */

static enum jump_answer begin_hint(struct jump_proof *proof)
{
    if (proof->hint < 0)
        return JUMP_RIGHT;
    proof->step = PROOF_HINT;
    return JUMP_GOES_ON;
}

static enum jump_answer begin_tail(struct jump_proof *proof)
{
    const int64_t first = proof->low + proof->count;
    proof->step = PROOF_TAIL;
    proof->begin = first > proof->to.offset ? first : proof->to.offset + 1;
    proof->end = proof->last.offset;
    proof->probe = 0;
    return probes_of(proof) > 0 ? JUMP_GOES_ON : begin_hint(proof);
}

static enum jump_answer begin_between(struct jump_proof *proof)
{
    proof->step = PROOF_BETWEEN;
    proof->begin = proof->low + 1;
    proof->end = proof->to.offset;
    proof->probe = 0;
    return probes_of(proof) > 0 ? JUMP_GOES_ON : begin_tail(proof);
}

static enum jump_answer begin_low(struct jump_proof *proof)
{
    if (proof->to.offset - proof->from - 1 <= FEW)
        return begin_between(proof);
    proof->step = PROOF_LOW;
    return JUMP_GOES_ON;
}

/* What comes at an offset was met before if its own is no higher than the highest one: the reading may begin inside a
 * batch, or behind markers that were passed. Even then it is not M, which stands behind it. */
static enum jump_answer raise_low(struct jump_proof *proof, const struct batch_reading *reading)
{
    const bool is_before = reading->first.offset < proof->to.offset;
    proof->held = reading->between > 0 ? 0 : proof->held + 1;
    proof->low += reading->between > 0 ? reading->between : is_before ? 1 : 0;
    if (proof->low > proof->to.offset)
        proof->low = proof->to.offset;
    if (reading->last.offset > proof->seen)
        proof->seen = reading->last.offset;
    const bool goes_on = is_before && proof->held < MOST_HELD && proof->low + 1 < proof->to.offset;
    return goes_on ? JUMP_GOES_ON : begin_between(proof);
}

enum jump_answer jump_proof_pass(struct jump_proof *proof)
{
    switch (proof->step) {
    case PROOF_TO:
    case PROOF_LAST:
        return begin_low(proof);
    case PROOF_LOW:
        return begin_between(proof);
    case PROOF_BETWEEN:
        return ++proof->probe < probes_of(proof) ? JUMP_GOES_ON : begin_tail(proof);
    case PROOF_TAIL:
        return ++proof->probe < probes_of(proof) ? JUMP_GOES_ON : begin_hint(proof);
    case PROOF_HINT:
        proof->hints++;
        proof->hint = -1;
    }
    return JUMP_RIGHT;
}

enum jump_answer jump_proof_answer(struct jump_proof *proof, const struct batch_reading *reading)
{
    const bool goes_on_with_it = log_mark_is_same(&proof->last, &reading->last);
    switch (proof->step) {
    case PROOF_TO:
        if (!log_mark_is_same(&proof->to, &reading->first))
            return JUMP_WRONG;
        proof->last = reading->last;
        proof->count = reading->count;
        if (reading->last.offset == proof->to.offset)
            return begin_low(proof);
        proof->step = PROOF_LAST;
        return JUMP_GOES_ON;
    case PROOF_LAST:
        return log_mark_is_same(&proof->last, &reading->first) ? begin_low(proof) : JUMP_WRONG;
    case PROOF_LOW:
        return raise_low(proof, reading);
    case PROOF_TAIL:
        return goes_on_with_it ? jump_proof_pass(proof) : JUMP_WRONG;
    case PROOF_BETWEEN:
    case PROOF_HINT:
        break;
    }
    return goes_on_with_it && log_mark_is_same(&proof->to, &reading->first) ? jump_proof_pass(proof) : JUMP_WRONG;
}

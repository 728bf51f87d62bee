/* failpoint: named places in the loop where a kill -9 leaves something half done. In the program they do nothing. A
 * test links its own failpoint.c (tests/faults/failpoint.c) and ends or stops the process there. */
#ifndef COMMON_FAILPOINT_H
#define COMMON_FAILPOINT_H

/* ROW(name, text): in the order in which a batch passes them; then those of a rebuild, of a rebalance, of a retry of
 * dead letters, of an applied replay before its first batch, and of a put of definitions. */
#define FAILPOINT_TABLE(ROW)                                                                                           \
    ROW(FILLED, "filled")                                                                                              \
    ROW(OWNED, "owned")                                                                                                \
    ROW(BEFORE_LOOK_UP, "before-look-up")                                                                              \
    ROW(AFTER_LOOK_UP, "after-look-up")                                                                                \
    ROW(BEFORE_FENCE, "before-fence")                                                                                  \
    ROW(BEFORE_CLAIM, "before-claim")                                                                                  \
    ROW(IN_CLAIM, "in-claim")                                                                                          \
    ROW(AFTER_CLAIM, "after-claim")                                                                                    \
    ROW(IN_DISPLACEMENT, "in-displacement")                                                                            \
    ROW(BEFORE_SEND, "before-send")                                                                                    \
    ROW(IN_SEND, "in-send")                                                                                            \
    ROW(AFTER_SEND, "after-send")                                                                                      \
    ROW(AFTER_OFFSETS, "after-offsets")                                                                                \
    ROW(BEFORE_COMMIT, "before-commit")                                                                                \
    ROW(AFTER_COMMIT, "after-commit")                                                                                  \
    ROW(AFTER_CHECKPOINT, "after-checkpoint")                                                                          \
    ROW(REBUILD_BEGUN, "rebuild-begun")                                                                                \
    ROW(REBUILD_HALF, "rebuild-half")                                                                                  \
    ROW(REBUILD_DEFINITIONS, "rebuild-definitions")                                                                    \
    ROW(REBUILD_BEFORE_END, "rebuild-before-end")                                                                      \
    ROW(REBUILD_AFTER_END, "rebuild-after-end")                                                                        \
    ROW(IN_REVOCATION, "in-revocation")                                                                                \
    ROW(RETRY_READY, "retry-ready")                                                                                    \
    ROW(RETRY_READ, "retry-read")                                                                                      \
    ROW(RETRY_BEGUN, "retry-begun")                                                                                    \
    ROW(RETRY_SENT, "retry-sent")                                                                                      \
    ROW(RETRY_NOTED, "retry-noted")                                                                                    \
    ROW(RETRY_COMMITTED, "retry-committed")                                                                            \
    ROW(REPLAY_LOCKED, "replay-locked")                                                                                \
    ROW(PUT_READ, "put-read")

enum failpoint {
#define FAILPOINT_ROW(name, text) FAILPOINT_##name,
    FAILPOINT_TABLE(FAILPOINT_ROW)
#undef FAILPOINT_ROW
        FAILPOINT_COUNT
};

/* Called when the loop reaches this place. */
void failpoint(enum failpoint point);

#endif

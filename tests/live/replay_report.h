/* replay_report: the checks of replay_oracle and the violations that it found. */
#ifndef TESTS_LIVE_REPLAY_REPORT_H
#define TESTS_LIVE_REPLAY_REPORT_H

#include <stdbool.h>

/* ROW(name, word, sentence) */
#define REPLAY_CHECK_TABLE(ROW)                                                                                        \
    ROW(FORM, "form", "every line is a JSON object of one of the three kinds")                                         \
    ROW(PARTS, "parts", "partitions come first, then commands, and last one summary")                                  \
    ROW(PARTITION, "partition", "every asked partition has one line")                                                  \
    ROW(BOUNDS, "bounds", "the bounds of a partition are those of its log")                                            \
    ROW(TIMES, "times", "the times of the bounds are those of the messages there")                                     \
    ROW(MISSING, "missing", "every command that is not the same has a line")                                           \
    ROW(TWICE, "twice", "no command has two lines")                                                                    \
    ROW(UNASKED, "unasked", "only commands of the range that are not the same have a line")                            \
    ROW(ORDER, "order", "commands come partition by partition, by offset")                                             \
    ROW(IDENTITY, "identity", "a line names its command and its workspace")                                            \
    ROW(CLASS, "class", "the class is that of the topics")                                                             \
    ROW(THEN, "then", "then is the recorded outcome")                                                                  \
    ROW(NOW, "now", "now is what `client-intake validate` decides")                                                    \
    ROW(CHANGES, "changes", "the changes lead from the one client to the other")                                       \
    ROW(ERRORS, "errors", "the changes are the errors that differ")                                                    \
    ROW(CLASSES, "classes", "the summary counts the commands of each class")                                           \
    ROW(CODES_THEN, "codes-then", "the summary counts the recorded outcomes")                                          \
    ROW(CODES_NOW, "codes-now", "the summary counts the outcomes of now")                                              \
    ROW(WORKSPACES, "workspaces", "the summary has the workspaces with the most commands that are not the same")       \
    ROW(LACKING, "lacking", "the summary counts the replies whose definitions the topic lacks")                        \
    ROW(HOLES, "holes", "the summary names the offsets that could not be read")                                        \
    ROW(STATUS, "status", "the exit status says whether all are the same and could be read")

enum replay_check {
#define REPLAY_CHECK_ROW(name, word, sentence) CHECK_##name,
    REPLAY_CHECK_TABLE(REPLAY_CHECK_ROW)
#undef REPLAY_CHECK_ROW
        REPLAY_CHECK_COUNT
};

/* Records a violation. `where` is the command's position, a partition, or "-". */
void violation(enum replay_check check, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Prints each violation as "where TAB word TAB detail" from now on, and no report. */
void report_as_lines(void);

/* The sentences with their results, then "N passed, N failed". Returns the number of failed checks. */
int report_print(void);

/* The words of all checks, one per line. */
void report_print_words(void);

#endif

/* proxy_control: the unix socket that controls a running proxy. Each line is a command and gets a line as its reply. */
#ifndef TESTS_FAULTS_PROXY_CONTROL_H
#define TESTS_FAULTS_PROXY_CONTROL_H

#include <stddef.h>

#define CONTROL_LINE 256

/* A listening socket, or -1 with errno. */
int control_listen(const char *path);

/* Takes the line of who has just connected. The connection, for control_answer; -1 if none came. */
int control_take(int listener, char line[CONTROL_LINE]);
void control_answer(int connection, const char *answer);

/* The other side: sends a line, prints the answer. 0; 1 if the proxy refused it, 69 if there is none. */
int control_tell(const char *path, const char *line);

#endif

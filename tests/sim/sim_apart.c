/* Owns the child processes of seeds. */
#include "sim/sim_apart.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void run_here(bool (*run)(void *context), void *context, unsigned limit_s)
{
	bool passed;

	alarm(limit_s);
	passed = run(context);
	fflush(NULL);
	/* Not exit(): leaks of brokers that were killed are meant, and nobody is to count them. */
	_exit(passed ? EXIT_SUCCESS : EXIT_FAILURE);
}

bool sim_run_apart(bool (*run)(void *context), void *context, unsigned limit_s)
{
	int status = 0;
	pid_t child, ended;

	fflush(NULL);
	child = fork();
	if (child == 0)
		run_here(run, context, limit_s);
	do
		ended = child < 0 ? -1 : waitpid(child, &status, 0);
	while (ended < 0 && child > 0 && errno == EINTR);
	if (ended < 0) {
		perror("a seed's process");
		exit(2);
	}
	if (WIFSIGNALED(status))
		printf("  ended by signal %d (%s)\n", WTERMSIG(status),
		       strsignal(WTERMSIG(status)));
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

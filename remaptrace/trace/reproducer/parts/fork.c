/* ---- fork: the program goes on in the child; the parent stays alive and does nothing ---- */

static long go_on_in_child(void)
{
	pid_t child;
	int status = 0;

	flush();
	child = fork();
	if (child < 0)
		return -errno;
	if (child > 0) {
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	warm_up();
	return 0;
}

/* A child is made and exits at once. */
static long fork_and_wait(void)
{
	pid_t child;

	flush();
	child = fork();
	if (!child)
		_exit(0);
	if (child < 0)
		return -errno;
	while (waitpid(child, 0, 0) < 0 && errno == EINTR)
		;
	warm_up();
	return 0;
}

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define CLOSED 777 /* a descriptor that is not open */

static long r[STEPS + 1]; /* what each step returned: a value, or -errno */
static long minor_before, major_before, minor_after, major_after;

static void begin(int n, const char *text); /* ends the step before */
static void check(const char *what, long wanted, long got);
static void check_text(const char *what, const char *wanted, const char *got);

static void counters(long *minor, long *major)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	*minor = usage.ru_minflt;
	*major = usage.ru_majflt;
}

static long call(long number, const long a[6])
{
	long got;

	counters(&minor_before, &major_before);
	errno = 0;
	got = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (got == -1 && errno)
		got = -errno;
	counters(&minor_after, &major_after);
	return got;
}

/* The system call `name` as step n. */
#define CALL(n, name, ...) \
	do { \
		begin(n, #name "(" #__VA_ARGS__ ")"); \
		r[n] = call(SYS_##name, (const long[6]){ __VA_ARGS__ }); \
	} while (0)

/* Anything else that gives 0, a value or -errno, as step n. */
#define DO(n, expression) \
	do { \
		begin(n, #expression); \
		r[n] = (expression); \
	} while (0)

#define want_result(n, value) check("result", (long)(value), r[n])
#define want_error(n, code) check("result", -(code), r[n])
#define want_minor(value) check("minor faults", value, minor_after - minor_before)
#define want_major(value) check("major faults", value, major_after - major_before)

/*
 * An emulator in front: it answers for /proc/self, but not for the same under its other name. Starting anew would
 * leave it.
 */
static int emulated(void)
{
	char seen[256] = "", real[256] = "";

	if (readlink("/proc/self/exe", seen, 255) <= 0 || readlink("/proc/thread-self/exe", real, 255) <= 0)
		return 0;
	return strcmp(seen, real) != 0;
}

/* Nothing of this program is where the steps map: address randomisation is off. */
static void without_randomisation(char **argv, char **envp)
{
	int persona = personality(0xffffffff);

	if (persona < 0 || persona & ADDR_NO_RANDOMIZE || emulated())
		return;
	if (personality(persona | ADDR_NO_RANDOMIZE) >= 0 && personality(0xffffffff) & ADDR_NO_RANDOMIZE)
		execve("/proc/self/exe", argv, envp);
}

/* The soft limit alone. */
static long limit(int resource, unsigned long soft)
{
	struct rlimit both;

	getrlimit(resource, &both);
	both.rlim_cur = soft;
	return setrlimit(resource, &both) ? -errno : 0;
}

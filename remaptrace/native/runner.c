/*
 * runner: does the steps of one program on the running kernel and says what came back.
 *
 * Reads lines `op arg...` from standard input (all of it before the first step), writes answers
 * to standard output. Arguments are numbers (decimal or 0x...), or @K, @K+N, @K-N: the result of step
 * K plus N, or $N: N bytes above the break at the start. Built static and not position independent, and it switches address randomisation off
 * for itself, so that nothing of it lies in the window that programs use.
 *
 * No allocation and no stdio after the start: the heap and the fault counters belong to the
 * program under test. Everything the runner writes to is touched beforehand (warm_up), also in the
 * process that goes on after a fork, so that the faults counted are the program's own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
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

#define PAGE 4096
#define MAX_STEPS 20000
#define MAX_FILES 256
#define CLOSED_FD 777
#define OUT_FD 1

static char input[8 << 20];
static char text[1 << 16];
static char out[1 << 16];
static size_t out_len;
static int64_t results[MAX_STEPS];
static int files[MAX_FILES];
static int64_t brk_start;
static unsigned char page[PAGE];
static unsigned char resident[1 << 16];
static char stack_for_signals[1 << 16] __attribute__((aligned(4096)));
static unsigned char scratch[8 * PAGE] __attribute__((aligned(4096)));

static sigjmp_buf back;
static volatile sig_atomic_t armed;
static volatile int caught_signal, caught_code, caught_fetch;
static volatile uint64_t caught_address, fetch_target;

static void flush(void)
{
	size_t done = 0;
	while (done < out_len) {
		ssize_t n = write(OUT_FD, out + done, out_len - done);
		if (n <= 0)
			_exit(70);
		done += n;
	}
	out_len = 0;
}

static void put_bytes(const char *s, size_t n)
{
	while (n) {
		size_t part = sizeof out - out_len;
		if (!part) {
			flush();
			continue;
		}
		if (part > n)
			part = n;
		memcpy(out + out_len, s, part);
		out_len += part;
		s += part;
		n -= part;
	}
}

static void put(const char *s)
{
	put_bytes(s, strlen(s));
}

static void put_number(int64_t value)
{
	char digits[24];
	int i = sizeof digits;
	uint64_t v = value < 0 ? -(uint64_t)value : (uint64_t)value;
	do
		digits[--i] = '0' + v % 10;
	while (v /= 10);
	if (value < 0)
		digits[--i] = '-';
	put(" ");
	put_bytes(digits + i, sizeof digits - i);
}

static void put_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	while (fd >= 0 && (n = read(fd, text, sizeof text)) > 0)
		put_bytes(text, n);
	close(fd);
	put("end\n");
}

/* ---- accesses -------------------------------------------------------------------------------- */

static void on_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	if (!armed)
		_exit(71);
	/* The first trap comes behind `ret`, before the fetch: go on, the trap flag is still set. */
	if (sig == SIGTRAP && fetch_target && (uint64_t)uc->uc_mcontext.gregs[REG_RIP] == fetch_target) {
		fetch_target = 0;
		return;
	}
	caught_signal = sig;
	caught_code = info->si_code;
	caught_address = (uint64_t)info->si_addr;
	caught_fetch = (uc->uc_mcontext.gregs[REG_ERR] >> 4) & 1;
	siglongjmp(back, 1);
}

static void counters(long *minor, long *major)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	*minor = usage.ru_minflt;
	*major = usage.ru_majflt;
}

/* Fetch and run one instruction at `target`: the trap flag stops behind it, whatever it is. */
static void fetch(uint64_t target)
{
	uint64_t base = (uint64_t)scratch + 4 * PAGE;
	__asm__ volatile(
		"push %%rdi\n\t"
		"mov %%rsi, %%rax\n\t" "mov %%rsi, %%rbx\n\t" "mov %%rsi, %%rcx\n\t"
		"mov %%rsi, %%rdx\n\t" "mov %%rsi, %%rbp\n\t" "mov %%rsi, %%rdi\n\t"
		"mov %%rsi, %%r8\n\t" "mov %%rsi, %%r9\n\t" "mov %%rsi, %%r10\n\t"
		"mov %%rsi, %%r11\n\t"
		"pushfq\n\t"
		"orq $0x100, (%%rsp)\n\t"
		"popfq\n\t"
		"ret\n\t"
		:
		: "D"(target), "S"(base)
		: "memory");
	__builtin_unreachable();
}

enum { LOAD, STORE, FETCH };

static int access_byte(int how, uint64_t address, int value, int *loaded)
{
	caught_signal = 0;
	fetch_target = how == FETCH ? address : 0;
	armed = 1;
	if (!sigsetjmp(back, 1)) {
		if (how == LOAD)
			*loaded = *(volatile unsigned char *)address;
		else if (how == STORE)
			*(volatile unsigned char *)address = value;
		else
			fetch(address);
	}
	armed = 0;
	fetch_target = 0;
	/* The fetch always ends in a signal: a trap behind the instruction, or one it raised itself. */
	if (how == FETCH &&
	    (caught_signal == SIGTRAP || caught_signal == SIGILL || caught_signal == SIGFPE ||
	     (caught_signal == SIGSEGV && !caught_fetch && caught_address != address) ||
	     (caught_signal == SIGBUS && caught_address != address)))
		caught_signal = 0;
	return caught_signal;
}

static void step_access(int how, uint64_t address, int value)
{
	long minor0, major0, minor1, major1;
	int loaded = -1, sig;
	counters(&minor0, &major0);
	sig = access_byte(how, address, value, &loaded);
	counters(&minor1, &major1);
	put(" A");
	put_number(sig);
	put_number(sig ? caught_code : 0);
	put_number(how == LOAD && !sig ? loaded : -1);
	put_number(minor1 - minor0);
	put_number(major1 - major0);
}

/* Take every fault of our own now: data, stack, the signal path. */
static void warm_up(void)
{
	extern char __data_start, _end;
	volatile char here[8 * PAGE];
	long a, b;
	int loaded;
	for (volatile char *p = &__data_start; p < &_end; p += PAGE)
		*p = *p;
	*(volatile char *)(&_end - 1) = *(volatile char *)(&_end - 1);
	for (size_t i = 0; i < sizeof here; i += PAGE)
		here[i] = 0;
	access_byte(LOAD, 8, 0, &loaded);
	scratch[0] = 0x90;
	access_byte(FETCH, (uint64_t)scratch, 0, &loaded);
	counters(&a, &b);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void answer(int step, int64_t result)
{
	results[step] = result;
	if (result == -1 && errno) {
		put(" E");
		put_number(errno);
	} else {
		put(" R");
		put_number(result);
	}
}

static int file_of(int64_t slot)
{
	if (slot == -1 || slot == CLOSED_FD)
		return slot;
	return slot >= 0 && slot < MAX_FILES ? files[slot] : CLOSED_FD;
}

static int64_t make_file(int64_t slot, int64_t pages, int64_t fill, int64_t k)
{
	char name[16] = "f";
	name[1] = '0' + slot / 100 % 10;
	name[2] = '0' + slot / 10 % 10;
	name[3] = '0' + slot % 10;
	int fd = syscall(SYS_memfd_create, name, MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, pages * PAGE) < 0)
		return -1;
	files[slot] = fd;
	for (int64_t p = 0; fill && p < pages; p++) {
		memset(page, (p + 1 + 32 * k) & 0xff, PAGE);
		if (pwrite(fd, page, PAGE, p * PAGE) != PAGE)
			return -1;
	}
	return 0;
}

static int64_t reopen(int64_t slot, int64_t new_slot, int64_t mode)
{
	char path[40] = "/proc/self/fd/";
	int fd = file_of(slot), n = strlen(path), digits = fd >= 100 ? 3 : fd >= 10 ? 2 : 1;
	for (int i = digits - 1, v = fd; i >= 0; i--, v /= 10)
		path[n + i] = '0' + v % 10;
	path[n + digits] = 0;
	files[new_slot] = open(path, mode == 3 ? O_RDWR : mode == 2 ? O_WRONLY : O_RDONLY);
	return files[new_slot] < 0 ? -1 : 0;
}

static void step_pages(uint64_t address, int64_t count)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	put(" P ");
	for (int64_t i = 0; i < count; i++) {
		uint64_t word = 0;
		if (pread(fd, &word, 8, (address / PAGE + i) * 8) != 8)
			word = 0;
		int present = word >> 63 & 1, of_file = word >> 61 & 1, once = word >> 56 & 1;
		char letter = '.';
		if (word >> 58 & 1)
			letter = 'G';
		else if (word >> 62 & 1)
			letter = 's';
		else if (present)
			letter = of_file ? (once ? 'F' : 'f') : (once ? 'a' : 'z');
		put_bytes(&letter, 1);
	}
	close(fd);
}

static void step_mincore(int step, uint64_t address, uint64_t length)
{
	size_t pages = (length + PAGE - 1) / PAGE;
	errno = 0;
	int64_t r = pages <= sizeof resident ? syscall(SYS_mincore, address, length, resident)
					     : syscall(SYS_mincore, address, length, 8);
	answer(step, r);
	put(" ");
	for (size_t i = 0; r == 0 && i < pages; i++)
		put_bytes(resident[i] & 1 ? "1" : "0", 1);
}

static int is(const char *word, const char *name)
{
	return strcmp(word, name) == 0;
}

static char *number(char *s, int64_t *value);

#include "calls.h"

static void step(int n, const char *op, int64_t a[6])
{
	int64_t r = -1;
	int fd;
	unsigned char byte;

	errno = 0;
	if (is(op, "memfd"))
		r = make_file(a[0], a[1], a[2], a[3]);
	else if (is(op, "ftruncate"))
		r = ftruncate(file_of(a[0]), a[1]);
	else if (is(op, "punch_hole"))
		r = fallocate(file_of(a[0]), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, a[1], a[2]);
	else if (is(op, "pwrite")) {
		byte = a[2];
		r = pwrite(file_of(a[0]), &byte, 1, a[1]) == 1 ? 0 : -1;
	} else if (is(op, "pread")) {
		ssize_t got = pread(file_of(a[0]), &byte, 1, a[1]);
		if (got >= 0) {
			put(" V");
			put_number(got ? byte : -1);
			return;
		}
	} else if (is(op, "reopen"))
		r = reopen(a[0], a[1], a[2]);
	else if (is(op, "dup")) {
		fd = dup(file_of(a[0]));
		files[a[1]] = fd;
		r = fd < 0 ? -1 : 0;
	} else if (is(op, "seal"))
		r = fcntl(file_of(a[0]), F_ADD_SEALS, a[1]);
	else if (is(op, "mmap"))
		r = syscall(SYS_mmap, a[0], a[1], a[2], a[3], (int64_t)file_of(a[4]), a[5]);
	else if (is(op, "munmap"))
		r = syscall(SYS_munmap, a[0], a[1]);
	else if (is(op, "mprotect"))
		r = syscall(SYS_mprotect, a[0], a[1], a[2]);
	else if (is(op, "mremap"))
		r = syscall(SYS_mremap, a[0], a[1], a[2], a[3], a[4]);
	else if (is(op, "brk"))
		r = syscall(SYS_brk, a[0]);
	else if (is(op, "madvise"))
		r = syscall(SYS_madvise, a[0], a[1], a[2]);
	else if (is(op, "mlock"))
		r = syscall(SYS_mlock, a[0], a[1]);
	else if (is(op, "mlock2"))
		r = syscall(SYS_mlock2, a[0], a[1], a[2]);
	else if (is(op, "munlock"))
		r = syscall(SYS_munlock, a[0], a[1]);
	else if (is(op, "mlockall"))
		r = syscall(SYS_mlockall, a[0]);
	else if (is(op, "munlockall"))
		r = syscall(SYS_munlockall);
	else if (is(op, "msync"))
		r = syscall(SYS_msync, a[0], a[1], a[2]);
	else if (is(op, "remap_file_pages"))
		r = syscall(SYS_remap_file_pages, a[0], a[1], a[2], a[3], a[4]);
	else if (is(op, "mseal"))
		r = syscall(462, a[0], a[1], a[2]);
	else if (is(op, "setrlimit")) {
		struct rlimit limit;
		getrlimit(a[0], &limit);
		limit.rlim_cur = a[1];
		r = setrlimit(a[0], &limit);
	} else if (more_step(op, a, &r)) {
		;
	} else if (is(op, "mincore")) {
		step_mincore(n, a[0], a[1]);
		return;
	} else if (is(op, "read") || is(op, "write") || is(op, "exec")) {
		step_access(is(op, "read") ? LOAD : is(op, "write") ? STORE : FETCH, a[0], a[1]);
		return;
	} else if (is(op, "pages")) {
		step_pages(a[0], a[1]);
		return;
	} else if (is(op, "hugepages")) {
		step_pool();
		return;
	} else if (is(op, "dump")) {
		put(" D\n");
		put_file("/proc/self/maps");
		return;
	} else if (is(op, "fork")) {
		flush();
		pid_t child = fork();
		if (child > 0) { /* stay alive, do nothing, end with the child's status */
			int status = 0;
			while (waitpid(child, &status, 0) < 0 && errno == EINTR)
				;
			_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 72);
		}
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		warm_up();
		r = child;
	} else if (is(op, "fork_wait")) {
		flush();
		pid_t child = fork();
		if (child == 0)
			_exit(0);
		while (waitpid(child, 0, 0) < 0 && errno == EINTR)
			;
		warm_up();
		errno = 0;
		r = child > 0 ? 0 : -1;
	} else {
		put(" U");
		return;
	}
	answer(n, r);
}

/* ---- the program text ------------------------------------------------------------------------ */

static char *number(char *s, int64_t *value)
{
	uint64_t v = 0;
	int negative = *s == '-';
	if (*s == '-' || *s == '+')
		s++;
	if (s[0] == '0' && s[1] == 'x') {
		for (s += 2;; s++) {
			int d = *s >= '0' && *s <= '9' ? *s - '0' : *s >= 'a' && *s <= 'f' ? *s - 'a' + 10 : -1;
			if (d < 0)
				break;
			v = v * 16 + d;
		}
	} else
		for (; *s >= '0' && *s <= '9'; s++)
			v = v * 10 + (*s - '0');
	*value = negative ? -v : v;
	return s;
}

static char *argument(char *s, int64_t *value)
{
	int64_t k, addend = 0;
	if (*s == '$') { /* relative to the break at the start */
		s = number(s + 1, value);
		*value += brk_start;
		return s;
	}
	if (*s == '"') { /* the bytes of a text in hexadecimal digits; it ends with the next text */
		static char bytes[256];
		size_t n = 0;
		for (s++; *s && *s != ' ' && *s != '\n' && n < sizeof bytes - 1; s += 2) {
			int high = *s <= '9' ? *s - '0' : *s - 'a' + 10, low = s[1] <= '9' ? s[1] - '0' : s[1] - 'a' + 10;
			bytes[n++] = high << 4 | low;
		}
		bytes[n] = 0;
		*value = (int64_t)bytes;
		return s;
	}
	if (*s != '@')
		return number(s, value);
	s = number(s + 1, &k);
	if (*s == '+' || *s == '-')
		s = number(s, &addend);
	*value = (k >= 0 && k < MAX_STEPS ? results[k] : 0) + addend;
	return s;
}

static void run(char *s)
{
	for (int n = 0; *s && n < MAX_STEPS; n++) {
		int64_t a[6] = {0};
		char *op = s;
		int argc = 0;
		while (*s && *s != ' ' && *s != '\n')
			s++;
		while (*s == ' ') {
			*s++ = 0;
			if (argc < 6)
				s = argument(s, &a[argc++]);
		}
		if (*s == '\n')
			*s++ = 0;
		if (*op == '!') { /* an observation: no step */
			put(op);
			put("\n");
			n--;
			put_file(is(op, "!smaps") ? "/proc/self/smaps" : "/proc/self/maps");
			continue;
		}
		put("=");
		put_number(n);
		step(n, op, a);
		put("\n");
		flush();
	}
}

int main(int argc, char **argv, char **envp)
{
	int persona = personality(0xffffffff);
	if (argc < 2 && !(persona & ADDR_NO_RANDOMIZE)) {
		char *again[] = {argv[0], "again", 0};
		personality(persona | ADDR_NO_RANDOMIZE);
		execve("/proc/self/exe", again, envp);
		_exit(73);
	}

	struct sigaction action = {0};
	stack_t stack = {.ss_sp = stack_for_signals, .ss_size = sizeof stack_for_signals};
	int signals[] = {SIGSEGV, SIGBUS, SIGTRAP, SIGILL, SIGFPE};
	struct rlimit no_core = {0, 0};
	size_t used = 0;
	ssize_t n;

	setrlimit(RLIMIT_CORE, &no_core);
	unshare(CLONE_NEWIPC); /* segments of its own; without the right to it `native.lacks` leaves them out */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (used < sizeof input - 1 && (n = read(0, input + used, sizeof input - 1 - used)) > 0)
		used += n;
	if (strstr(input, "sysctl "))
		guard_pool();
	action.sa_sigaction = on_signal;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	sigaltstack(&stack, 0);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &action, 0);
	/* A whole page for the program's brk: it starts at a page boundary. */
	uint64_t brk_now = syscall(SYS_brk, 0);
	brk_start = (brk_now + PAGE - 1) / PAGE * PAGE;
	syscall(SYS_brk, brk_start);
	mprotect(scratch, sizeof scratch, PROT_READ | PROT_WRITE | PROT_EXEC);
	warm_up();
	put("begin");
	put_number(brk_start);
	put("\n");
	put_file("/proc/self/maps");
	flush();
	run(input);
	put("done\n");
	flush();
	return 0;
}

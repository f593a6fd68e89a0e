/*
 * runner: does the steps of programs on the kernel it runs on and says what came back.
 *
 * Reads programs from standard input, each behind a line `program BYTES MILLISECONDS FLAGS`, and writes
 * answers to standard output. First it says where it runs. Each program is done by a process of its
 * own, which is killed when its time is over; `ended` says how it ended.
 *
 * A program is lines `op arg...`. Arguments are numbers (decimal or 0x...), or @K, @K+N, @K-N: the
 * result of step K plus N, or $N: N bytes above the break at the start. `repeat COUNT LINES` does the
 * lines behind it COUNT times as one step, in which V*S is V plus S a turn. Built static and not
 * position independent, without a C library (bare.h). It never starts itself anew: whoever starts it
 * switches address randomisation off (personality), so that whatever stands in front of it stays there.
 *
 * No allocation after the start: the heap and the fault counters belong to the program under test.
 * What the runner writes to lies in two areas at HOME, away from what programs use, and everything is
 * touched beforehand (warm_up), also in the process that goes on after a fork, so that the faults
 * counted are the program's own.
 */
#include "bare.h"

#define PROTOCOL "2"
#define PAGE 4096
#define MAX_STEPS 20000
#define MAX_FILES 256
#define CLOSED_FD 777
#define OUT_FD 1
#define LONGEST (4 << 20) /* bytes of one program */
#define HEAP (33 * PAGE) /* what a program finds at its start, as behind a C library */

#define FLAG_AREAS 1 /* say the list of areas behind every step that changed it */

struct state {
	unsigned char signals[1 << 16]; /* the stack for signals */
	char text[1 << 16];
	char out[1 << 16];
	char areas[2][1 << 16]; /* /proc/self/maps as last said, and now */
	size_t area_bytes[2];
	size_t out_len;
	int64_t results[MAX_STEPS];
	int files[MAX_FILES];
	int64_t brk_start;
	int64_t flags;
	int64_t turn; /* of a repeat */
	int64_t mute; /* inside one: nothing is said */
	int64_t quiet; /* the last step cannot have changed the list of areas: an access without a fault, a look */
	int64_t keyed;	 /* the processor has protection keys */
	int64_t fetches; /* the program has steps that fetch instructions */
	int64_t pool[4]; /* of huge pages: size and limit before the program, pages that are lost, promised before */
	unsigned char page[PAGE];
	char bytes[256];
	unsigned char resident[1 << 16];
	struct place back;
	volatile int armed;
	volatile int caught_signal, caught_code, caught_fetch;
	volatile uint64_t caught_address, fetch_target;
	volatile long running; /* the process of the program that the runner waits for */
	volatile long late; /* its time was over */
	volatile long stop; /* nobody waits for the programs behind it */
	size_t used; /* bytes of input that wait */
	char input[LONGEST + 4096];
};

#define SCRATCH (8 * PAGE) /* memory that instructions of programs may write to; executable */

/* Two places: where an emulator's own memory does not reach, else below 64 GiB. */
static const uint64_t HOMES[] = {0x0d0000000000, 0x0c00000000};
static struct state *st KEPT = (struct state *)8;
static unsigned char *scratch KEPT = (unsigned char *)8;

static void flush(void)
{
	size_t done = 0;
	while (done < st->out_len) {
		ssize_t n = write(OUT_FD, st->out + done, st->out_len - done);
		if (n <= 0)
			_exit(70);
		done += n;
	}
	st->out_len = 0;
}

static void put_bytes(const char *s, size_t n)
{
	while (n && !st->mute) {
		size_t part = sizeof st->out - st->out_len;
		if (!part) {
			flush();
			continue;
		}
		if (part > n)
			part = n;
		memcpy(st->out + st->out_len, s, part);
		st->out_len += part;
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
	while (fd >= 0 && (n = read(fd, st->text, sizeof st->text)) > 0)
		put_bytes(st->text, n);
	close(fd);
	put("end\n");
}

/* ---- the list of areas ----------------------------------------------------------------------- */

static void read_areas(void)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;
	while (fd >= 0 && used < sizeof st->areas[1] &&
	       (n = read(fd, st->areas[1] + used, sizeof st->areas[1] - used)) > 0)
		used += n;
	close(fd);
	st->area_bytes[1] = used;
}

static void keep_areas(void)
{
	memcpy(st->areas[0], st->areas[1], st->area_bytes[1]);
	st->area_bytes[0] = st->area_bytes[1];
}

/* `~ P S`, the lines between, `end`: as the list said last, but for the first P and the last S lines.
 * `~ -1 0` where the list is longer than what is kept. */
static void say_areas(void)
{
	size_t first = 0, last = 0, before = 0, behind = 0, same_bytes = 0;
	size_t old = st->area_bytes[0], new = st->area_bytes[1];
	const char *a = st->areas[0], *b = st->areas[1];

	if (old == new) {
		while (same_bytes < old && a[same_bytes] == b[same_bytes])
			same_bytes++;
		if (same_bytes == old)
			return;
	}
	put("~");
	if (new == sizeof st->areas[1] || old == sizeof st->areas[1]) {
		put_number(-1);
		put_number(0);
		put("\nend\n");
		return;
	}
	for (size_t i = 0; i < old && i < new && a[i] == b[i]; i++)
		if (a[i] == '\n') {
			first = i + 1;
			before++;
		}
	for (size_t i = 1; i <= old - first && i <= new - first && a[old - i] == b[new - i]; i++)
		if (i == old - first || i == new - first
			    ? (i == old - first || a[old - i - 1] == '\n') && (i == new - first || b[new - i - 1] == '\n')
			    : a[old - i - 1] == '\n') {
			last = i;
			behind++;
		}
	put_number(before);
	put_number(behind);
	put("\n");
	put_bytes(b + first, new - first - last);
	put("end\n");
}

/* ---- accesses -------------------------------------------------------------------------------- */

static void on_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	if (!st->armed)
		_exit(71);
	/* The first trap comes behind `ret`, before the fetch: go on, the trap flag is still set. */
	if (sig == SIGTRAP && st->fetch_target && (uint64_t)uc->uc_mcontext.gregs[REG_RIP] == st->fetch_target) {
		st->fetch_target = 0;
		return;
	}
	st->caught_signal = sig;
	st->caught_code = info->si_code;
	st->caught_address = (uint64_t)info->si_addr;
	st->caught_fetch = (uc->uc_mcontext.gregs[REG_ERR] >> 4) & 1;
	jump(&st->back);
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

/* ---- protection keys: the register is the thread's, and a signal that does not return loses it ---- */

/* Whether the processor has keys and the kernel lets programs set the register (CPUID 7, OSPKE). */
static int has_keys(void)
{
	uint32_t a = 0, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (a < 7)
		return 0;
	a = 7;
	c = 0;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return c >> 4 & 1;
}

static uint32_t read_pkru(void)
{
	uint32_t value, high;

	__asm__ volatile(".byte 0x0f,0x01,0xee" : "=a"(value), "=d"(high) : "c"(0));
	return value;
}

static void write_pkru(uint32_t value)
{
	__asm__ volatile(".byte 0x0f,0x01,0xef" : : "a"(value), "c"(0), "d"(0) : "memory");
}

enum { LOAD, STORE, FETCH };

static int access_byte(int how, uint64_t address, int value, int *loaded)
{
	uint32_t kept = st->keyed ? read_pkru() : 0;

	st->caught_signal = 0;
	st->fetch_target = how == FETCH ? address : 0;
	st->armed = 1;
	if (!mark(&st->back)) {
		if (how == LOAD)
			*loaded = *(volatile unsigned char *)address;
		else if (how == STORE)
			*(volatile unsigned char *)address = value;
		else
			fetch(address);
	}
	st->armed = 0;
	st->fetch_target = 0;
	if (st->keyed)
		write_pkru(kept);
	/* The fetch always ends in a signal: a trap behind the instruction, or one it raised itself. */
	if (how == FETCH &&
	    (st->caught_signal == SIGTRAP || st->caught_signal == SIGILL || st->caught_signal == SIGFPE ||
	     (st->caught_signal == SIGSEGV && !st->caught_fetch && st->caught_address != address) ||
	     (st->caught_signal == SIGBUS && st->caught_address != address)))
		st->caught_signal = 0;
	return st->caught_signal;
}

/* One byte of each of `pages` pages, until an access fails. */
static void step_access(int how, uint64_t address, int value, int64_t pages)
{
	long minor0, major0, minor1, major1;
	int loaded = -1, sig;
	counters(&minor0, &major0);
	do
		sig = access_byte(how, address, value, &loaded);
	while (!sig && --pages > 0 && (address += PAGE));
	counters(&minor1, &major1);
	st->quiet = !sig && minor1 == minor0 && major1 == major0;
	put(" A");
	put_number(sig);
	put_number(sig ? st->caught_code : 0);
	put_number(how == LOAD && !sig ? loaded : -1);
	put_number(minor1 - minor0);
	put_number(major1 - major0);
}

/* Take every fault of our own now: code, data, stack, the signal path. */
static void warm_up(void)
{
	extern char __executable_start, _end;
	volatile char here[8 * PAGE];
	long a, b;
	int loaded;

	*(volatile int *)&errno = 0;
	for (size_t i = 0; i < sizeof here; i += PAGE)
		here[i] = 0;
	for (volatile char *p = (char *)st; p < (char *)st->input + st->used; p += PAGE)
		*p = *p;
	for (volatile unsigned char *p = scratch; p < scratch + SCRATCH; p += PAGE)
		*p = *p;
	for (char *p = &__executable_start; p < &_end; p += PAGE)
		access_byte(LOAD, (uint64_t)p, 0, &loaded);
	access_byte(LOAD, 8, 0, &loaded);
	if (st->fetches) { /* not else: an emulator may not live through a trap behind each instruction */
		scratch[0] = 0x90;
		access_byte(FETCH, (uint64_t)scratch, 0, &loaded);
	}
	counters(&a, &b);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void answer(int step, int64_t result)
{
	st->results[step] = result;
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
	return slot >= 0 && slot < MAX_FILES ? st->files[slot] : CLOSED_FD;
}

/* `huge`: log2 of the size of its pages, 2: the machine's huge pages, 0: ordinary ones */
static int64_t make_file(int64_t slot, int64_t pages, int64_t fill, int64_t k, int64_t huge)
{
	char name[16] = "f";
	name[1] = '0' + slot / 100 % 10;
	name[2] = '0' + slot / 10 % 10;
	name[3] = '0' + slot % 10;
	int flags = huge ? 4 /* MFD_HUGETLB */ | (huge > 2 ? huge << 26 : 0) : 0;
	int fd = syscall(SYS_memfd_create, name, flags | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, pages * PAGE) < 0)
		return -1;
	st->files[slot] = fd;
	for (int64_t p = 0; fill && p < pages; p++) {
		memset(st->page, (p + 1 + 32 * k) & 0xff, PAGE);
		if (pwrite(fd, st->page, PAGE, p * PAGE) != PAGE)
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
	st->files[new_slot] = open(path, mode == 3 ? O_RDWR : mode == 2 ? O_WRONLY : O_RDONLY);
	return st->files[new_slot] < 0 ? -1 : 0;
}

static void step_pages(uint64_t address, int64_t count)
{
	st->quiet = 1;
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
	int64_t r = pages <= sizeof st->resident ? syscall(SYS_mincore, address, length, st->resident)
					     : syscall(SYS_mincore, address, length, 8);
	answer(step, r);
	put(" ");
	for (size_t i = 0; r == 0 && i < pages; i++)
		put_bytes(st->resident[i] & 1 ? "1" : "0", 1);
}

static int is(const char *word, const char *name)
{
	return strcmp(word, name) == 0;
}

static char *number(char *s, int64_t *value);

#include "disk.h"
#include "calls.h"

static void step(int n, const char *op, int64_t a[6])
{
	int64_t r = -1;
	int fd;
	unsigned char byte;

	errno = 0;
	if (is(op, "memfd"))
		r = make_file(a[0], a[1], a[2], a[3], a[4]);
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
		st->files[a[1]] = fd;
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
		step_access(is(op, "read") ? LOAD : is(op, "write") ? STORE : FETCH, a[0], a[1], a[2]);
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
		*value += st->brk_start;
		return s;
	}
	if (*s == '"') { /* the bytes of a text in hexadecimal digits; it ends with the next text */
		char *bytes = st->bytes;
		size_t n = 0;
		for (s++; *s && *s != ' ' && *s != '\n' && n < sizeof st->bytes - 1; s += 2) {
			int high = *s <= '9' ? *s - '0' : *s - 'a' + 10, low = s[1] <= '9' ? s[1] - '0' : s[1] - 'a' + 10;
			bytes[n++] = high << 4 | low;
		}
		bytes[n] = 0;
		*value = (int64_t)bytes;
		return s;
	}
	if (*s != '@') {
		s = number(s, value);
		if (*s == '*') {
			s = number(s + 1, &addend);
			*value += st->turn * addend;
		}
		return s;
	}
	s = number(s + 1, &k);
	if (*s == '+' || *s == '-')
		s = number(s, &addend);
	*value = (k >= 0 && k < MAX_STEPS ? st->results[k] : 0) + addend;
	return s;
}

/* Does the step or observation of a line, which stays as it is; what comes behind the line. */
static char *line(int n, char *s)
{
	int64_t a[6] = {0};
	char *op = s, *gap, was;
	int argc = 0;

	while (*s && *s != ' ' && *s != '\n')
		s++;
	gap = s;
	was = *gap;
	while (*s == ' ') {
		s++;
		if (argc < 6)
			s = argument(s, &a[argc++]);
	}
	if (*s == '\n')
		s++;
	*gap = 0;
	if (*op == '!') {
		put(op);
		put("\n");
		put_file(is(op, "!smaps") ? "/proc/self/smaps" : "/proc/self/maps");
	} else if (is(op, "repeat")) {
		char *first = s;

		st->mute = 1;
		for (st->turn = 0; st->turn < a[0]; st->turn++) {
			s = first;
			for (int64_t i = 0; i < a[1] && *s; i++)
				s = line(n, s);
		}
		st->mute = 0;
		answer(n, 0);
	} else
		step(n, op, a);
	*gap = was;
	return s;
}

static void run(char *s)
{
	for (int n = 0; *s && n < MAX_STEPS; n++) {
		if (*s == '!') { /* an observation: no step */
			s = line(n--, s);
			continue;
		}
		put("=");
		put_number(n);
		st->quiet = 0;
		errno = 0;
		s = line(n, s);
		put("\n");
		if (st->flags & FLAG_AREAS && !st->quiet) {
			read_areas();
			say_areas();
			keep_areas();
		}
		flush();
	}
}

/* ---- one program after the other ------------------------------------------------------------- */

static void one_program(void)
{
	uint64_t now = syscall(SYS_brk, 0);
	int segments = strstr(st->input, "shmget ") != 0;

	syscall(SYS_setpgid, 0, 0);
	syscall(SYS_unshare, CLONE_NEWIPC); /* segments of its own; without the right to it `native.lacks` leaves them out */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* A heap that this process made, touched, up to a page boundary. */
	now = (now + PAGE - 1) / PAGE * PAGE;
	st->brk_start = syscall(SYS_brk, now + HEAP);
	for (uint64_t p = now; p < (uint64_t)st->brk_start; p += PAGE)
		*(volatile char *)p = 1;
	st->keyed = has_keys();
	st->fetches = strstr(st->input, "exec ") != 0;
	warm_up();
	put("begin");
	put_number(st->brk_start);
	put("\n");
	read_areas();
	keep_areas();
	put_file("/proc/self/maps");
	flush();
	run(st->input);
	put("done\n");
	flush();
	if (segments)
		remove_segments();
	_exit(0);
}

static void on_alarm(int sig, siginfo_t *info, void *context)
{
	(void)info, (void)context;
	st->late = 1;
	st->stop |= sig == SIGTERM;
	if (st->running <= 0)
		_exit(0);
	kill(-st->running, SIGKILL);
	kill(st->running, SIGKILL);
}

static void set_timer(int64_t milliseconds)
{
	struct itimerval timer = {{0, 0}, {milliseconds / 1000, milliseconds % 1000 * 1000}};
	syscall(SYS_setitimer, ITIMER_REAL, &timer, 0);
}

static void say_end(int status)
{
	put("\nended");
	if (st->late)
		put(" late");
	else if (WIFSIGNALED(status)) {
		put(" signal");
		put_number(WTERMSIG(status));
	} else if (WEXITSTATUS(status)) {
		put(" exit");
		put_number(WEXITSTATUS(status));
	} else
		put(" ok");
	put("\n");
	flush();
}

static void do_program(int64_t milliseconds)
{
	int status = 0, asks = strstr(st->input, "sysctl ") || strstr(st->input, "hugepages");
	int pool = asks ? take_pool(st->pool) : -1;

	flush();
	st->late = 0;
	st->running = fork();
	if (st->running == 0)
		one_program();
	if (st->running < 0) {
		put("\nended fork");
		put_number(errno);
		put("\n");
		flush();
		return;
	}
	set_timer(milliseconds);
	while (waitpid(st->running, &status, 0) < 0 && errno == EINTR)
		;
	set_timer(0);
	kill(-st->running, SIGKILL);
	while (waitpid(-1, 0, WNOHANG) > 0)
		;
	st->running = 0;
	if (pool >= 0)
		give_pool(pool, st->pool);
	say_end(status);
}

/* At least `wanted` bytes of input are there, or 0: the input has ended. */
static int fill(size_t wanted)
{
	ssize_t n;
	while (st->used < wanted) {
		if (wanted > sizeof st->input ||
		    (n = read(0, st->input + st->used, sizeof st->input - st->used)) <= 0)
			return 0;
		st->used += n;
	}
	return 1;
}

static void drop(size_t bytes)
{
	st->used -= bytes;
	memmove(st->input, st->input + bytes, st->used);
}

/* The numbers behind `program ` on the next line, and the line taken away; 0 at the end. */
static int header(int64_t values[3])
{
	size_t n = 0;
	char *s;
	do
		if (!fill(++n))
			return 0;
	while (st->input[n - 1] != '\n');
	s = st->input;
	while (*s != ' ' && *s != '\n')
		s++;
	for (int i = 0; i < 3; i++)
		s = number(*s == ' ' ? s + 1 : s, &values[i]);
	drop(n);
	return 1;
}

static void programs(void)
{
	int64_t h[3];
	for (int64_t n = 0; !st->stop && header(h); n++) {
		if (h[0] < 0 || h[0] >= LONGEST || !fill(h[0]))
			break;
		put("program");
		put_number(n);
		put("\n");
		/* The program ends in a zero while it runs; what waits behind it is kept. */
		char behind = st->input[h[0]];
		st->input[h[0]] = 0;
		st->flags = h[2];
		do_program(h[1]);
		st->input[h[0]] = behind;
		drop(h[0]);
	}
	put("finished\n");
	flush();
}

/* ---- where it runs --------------------------------------------------------------------------- */

static void where(const char *key, const char *value)
{
	put("where ");
	put(key);
	put(" ");
	put(value);
	put("\n");
}

static void where_number(const char *key, int64_t value)
{
	put("where ");
	put(key);
	put_number(value);
	put("\n");
}

/* The first line of a file, if there is one. */
static void where_file(const char *key, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, st->text, 200);

	close(fd);
	if (n <= 0)
		return;
	st->text[n] = 0;
	for (char *c = st->text; *c; c++)
		if (*c == '\n')
			*c = 0;
	where(key, st->text);
}

/* The line of a file that begins with `start`, without it. */
static void where_line(const char *key, const char *path, const char *start)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0, n = strlen(start);
	ssize_t got;

	while (fd >= 0 && used < sizeof st->text - 1 && (got = read(fd, st->text + used, sizeof st->text - 1 - used)) > 0)
		used += got;
	close(fd);
	st->text[used] = 0;
	for (char *line = st->text; *line;) {
		char *end = line;
		while (*end && *end != '\n')
			end++;
		int last = !*end;
		*end = 0;
		char *same = strstr(line, start);
		if (same == line)
			where(key, line + n);
		if (last)
			return;
		line = end + 1;
	}
}

/* The VmFlags of the area of a name. */
static void where_flags(const char *key, const char *name)
{
	int fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t got;
	char *s, *end;

	while (fd >= 0 && used < sizeof st->text - 1 && (got = read(fd, st->text + used, sizeof st->text - 1 - used)) > 0)
		used += got;
	close(fd);
	st->text[used] = 0;
	s = strstr(st->text, name);
	s = s ? strstr(s, "VmFlags: ") : 0;
	if (!s)
		return;
	s += 9;
	for (end = s; *end && *end != '\n'; end++)
		;
	*end = 0;
	where(key, s);
}

/* Options of the kernel's configuration without which a file is not there. */
static void say_lacks(void)
{
	static const char *const options[][2] = {
		{"HUGETLBFS", "/sys/kernel/mm/hugepages"},
		{"KSM", "/sys/kernel/mm/ksm"},
		{"NUMA", "/proc/self/numa_maps"},
		{"SYSVIPC", "/proc/sysvipc"},
		{"SWAP", "/proc/swaps"},
		{"TRANSPARENT_HUGEPAGE", "/sys/kernel/mm/transparent_hugepage"},
	};

	if (syscall(SYS_access, "/sys/kernel/mm", 0) < 0 || syscall(SYS_access, "/proc/self/maps", 0) < 0)
		return; /* nothing can be told */
	put("where lacks");
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (syscall(SYS_access, options[i][1], 0) < 0 && errno == ENOENT) {
			put(" ");
			put(options[i][0]);
		}
	put("\n");
}

#define SYSCTL(name) where_file("vm." name, "/proc/sys/vm/" name)

/* Settings of the machine that decide how memory calls are answered. */
static void say_settings(void)
{
	struct rlimit locked;

	SYSCTL("max_map_count");
	SYSCTL("overcommit_memory");
	SYSCTL("overcommit_ratio");
	SYSCTL("mmap_min_addr");
	SYSCTL("legacy_va_layout");
	SYSCTL("unprivileged_userfaultfd");
	where_number("pkeys", has_keys() ? 16 : 0);
	where_number("anon_vma_name", !syscall(SYS_prctl, 0x53564d41, 0, scratch, PAGE, "remaptrace"));
	syscall(SYS_prctl, 0x53564d41, 0, scratch, PAGE, 0);
	where_file("thp.enabled", "/sys/kernel/mm/transparent_hugepage/enabled");
	where_file("thp.shmem_enabled", "/sys/kernel/mm/transparent_hugepage/shmem_enabled");
	where_line("memory", "/proc/meminfo", "MemTotal:");
	where_line("swap", "/proc/meminfo", "SwapTotal:");
	where_line("slab", "/proc/slabinfo", "vm_area_struct ");
	where_flags("vvar", "[vvar]");
	say_lacks();
	where_line("capabilities", "/proc/self/status", "CapEff:");
	where_file("uid_map", "/proc/self/uid_map");
	if (getrlimit(RLIMIT_MEMLOCK, &locked) == 0)
		where_number("rlimit_memlock", locked.rlim_cur);
	if (disk_folder())
		where("disk", disk_folder());
}

/* What the kernel here says of itself and of this process; `nonce` is the word that started it. */
static void say_where(const char *nonce, uint64_t *aux)
{
	struct utsname name;
	ssize_t n = syscall(SYS_readlink, "/proc/self/exe", st->text, sizeof st->text - 1);

	put("\nrunner " PROTOCOL "\n");
	where("nonce", nonce);
	if (syscall(SYS_uname, &name) == 0) {
		where("sysname", name.sysname);
		where("release", name.release);
		where("version", name.version);
		where("machine", name.machine);
	}
	st->text[n < 0 ? 0 : n] = 0;
	where("exe", st->text);
	for (; aux[0]; aux += 2) {
		if (aux[0] == AT_EXECFN)
			where("execfn", (char *)aux[1]);
		else if (aux[0] == AT_PLATFORM)
			where("platform", (char *)aux[1]);
		else if (aux[0] == AT_SYSINFO_EHDR)
			where_number("vdso", aux[1]);
		else if (aux[0] == AT_PAGESZ)
			where_number("page", aux[1]);
	}
	/* An emulator answers for /proc/self itself, but lets the same under its other name through. */
	n = syscall(SYS_readlink, "/proc/thread-self/exe", st->text, sizeof st->text - 1);
	st->text[n < 0 ? 0 : n] = 0;
	where("thread_exe", st->text);
	where_number("pid", syscall(SYS_getpid));
	where_number("personality", syscall(SYS_personality, 0xffffffff));
	where_number("brk", syscall(SYS_brk, 0));
	where_number("home", (int64_t)st);
	say_settings();
	put("ready\n");
	flush();
}

static int settle(void)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
	for (size_t i = 0; i < sizeof HOMES / sizeof *HOMES; i++) {
		uint64_t place = HOMES[i];
		long size = (sizeof *st + PAGE - 1) / PAGE * PAGE;
		long code = place + size + PAGE;
		if (syscall(SYS_mmap, place, size, PROT_READ | PROT_WRITE, flags, -1, 0) != (long)place ||
		    syscall(SYS_mmap, code, SCRATCH, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0) != code)
			continue;
		syscall(SYS_madvise, place, size, MADV_NOHUGEPAGE);
		st = (struct state *)place;
		scratch = (unsigned char *)code;
		return 1;
	}
	return 0;
}

#include "init.h"

__attribute__((used, noreturn)) void start(uint64_t *stack)
{
	int argc = stack[0];
	char **argv = (char **)(stack + 1), **env = argv + argc + 1;
	int signals[] = {SIGSEGV, SIGBUS, SIGTRAP, SIGILL, SIGFPE};
	struct rlimit no_core = {0, 0};

	while (*env)
		env++;
	/* `runner ... NONCE image|uml ...`: the first process of a machine that is there for the programs alone. */
	int ends_with = 0, nonce = 1;
	for (int i = 2; i < argc && syscall(SYS_getpid) == 1; i++)
		if (is(argv[i], "uml") || is(argv[i], "image")) {
			ends_with = is(argv[i], "uml") ? POWER_OFF : RESTART;
			nonce = i - 1;
		}
	if (ends_with)
		become_init(ends_with, nonce + 2 < argc && is(argv[nonce + 2], "disk"));
	if (!settle())
		_exit(74);
	stack_t alternate = {.ss_sp = st->signals, .ss_size = sizeof st->signals};
	setrlimit(RLIMIT_CORE, &no_core);
	syscall(SYS_sigaltstack, &alternate, 0);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		handle(signals[i], on_signal, SA_ONSTACK | SA_NODEFER);
	handle(SIGALRM, on_alarm, 0);
	handle(SIGTERM, on_alarm, 0);
	say_where(argc > nonce ? argv[nonce] : "", (uint64_t *)(env + 1));
	programs();
	if (ends_with)
		end_machine(ends_with);
	_exit(0);
}

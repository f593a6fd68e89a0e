/* ---- accesses: a byte loaded, stored, or fetched as an instruction ---- */

enum access { LOAD, STORE, FETCH };

static char signal_stack[1 << 16] __attribute__((aligned(4096)));
static unsigned char scratch[8 * PAGE] __attribute__((aligned(PAGE)));
static sigjmp_buf back;
static volatile sig_atomic_t armed;
static volatile int caught, caught_code, caught_fetch, loaded;
static volatile uint64_t caught_address, fetch_target;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	if (!armed)
		_exit(1);
#ifdef __x86_64__
	/* The first trap comes behind `ret`, before the fetch: go on, the trap flag is still set. */
	if (sig == SIGTRAP && fetch_target && (uint64_t)uc->uc_mcontext.gregs[REG_RIP] == fetch_target) {
		fetch_target = 0;
		return;
	}
	caught_fetch = (uc->uc_mcontext.gregs[REG_ERR] >> 4) & 1;
#else
	(void)uc;
#endif
	caught = sig;
	caught_code = info->si_code;
	caught_address = (uint64_t)info->si_addr;
	siglongjmp(back, 1);
}

/* Fetch and run one instruction at `target`: the trap flag stops behind it, whatever it is. */
static void fetch(uint64_t target)
{
#ifdef __x86_64__
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
#endif
	(void)target;
	__builtin_unreachable();
}

static int access_byte(enum access how, uint64_t address, int value)
{
	caught = 0;
	loaded = -1;
	fetch_target = how == FETCH ? address : 0;
	armed = 1;
	if (!sigsetjmp(back, 1)) {
		if (how == LOAD)
			loaded = *(volatile unsigned char *)address;
		else if (how == STORE)
			*(volatile unsigned char *)address = value;
		else
			fetch(address);
	}
	armed = 0;
	fetch_target = 0;
	/* A fetch always ends in a signal: the trap behind the instruction, or one that it raised itself. */
	if (how == FETCH &&
	    (caught == SIGTRAP || caught == SIGILL || caught == SIGFPE ||
	     (caught == SIGSEGV && !caught_fetch && caught_address != address) ||
	     (caught == SIGBUS && caught_address != address)))
		caught = 0;
	return caught;
}

/* One byte of each of `pages` pages, until one raises a signal; its number or 0. */
static long touch(enum access how, uint64_t address, int value, long pages)
{
	int sig = 0;

	counters(&minor_before, &major_before);
	for (long i = 0; i < pages && !sig; i++)
		sig = access_byte(how, address + i * PAGE, value);
	counters(&minor_after, &major_after);
	return sig;
}

#define want_ok(n) check("signal", 0, r[n])
#define want_signal(n, sig, code) \
	do { \
		check("signal", sig, r[n]); \
		check("si_code", code, caught_code); \
	} while (0)
#define want_value(value) check("byte read", value, loaded)

/* Take every fault of our own now: data, stack, the signal path. */
static void warm_up(void)
{
	extern char __data_start[], _end[];
	volatile char here[8 * PAGE];
	long a, b;

	volatile char *end = _end;

	for (volatile char *p = __data_start; p < end; p += PAGE)
		*p = *p;
	end[-1] = end[-1];
	for (size_t i = 0; i < sizeof here; i += PAGE)
		here[i] = 0;
	access_byte(LOAD, 8, 0);
#ifdef __x86_64__
	scratch[0] = 0x90; /* nop */
	access_byte(FETCH, (uint64_t)scratch, 0);
#endif
	counters(&a, &b);
}

static void catch_signals(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGTRAP, SIGILL, SIGFPE };
	stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof signal_stack };
	struct sigaction action = { 0 };
	struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	action.sa_sigaction = on_signal;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	sigaltstack(&stack, 0);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &action, 0);
	mprotect(scratch, sizeof scratch, PROT_READ | PROT_WRITE | PROT_EXEC);
}

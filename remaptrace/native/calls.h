/*
 * The less usual calls of the runner: one `else if` an operation, as in `step`.
 *
 * Part of runner.c, included there: it uses its helpers (is, file_of) and its state `st`. Numbers that older headers lack
 * are written out.
 */

/* ---- memory policies ------------------------------------------------------------------------- */

/* Bits of a node mask, of which the kernel reads as many as `maxnode` says. */
static unsigned long node_mask[4096 / sizeof(long) + 2] KEPT;

static unsigned long *mask_of(int64_t bits)
{
	node_mask[0] = bits;
	return node_mask;
}

/* ---- userfaultfd ----------------------------------------------------------------------------- */

enum { UFFD_REGISTER, UFFD_UNREGISTER, UFFD_WAKE, UFFD_COPY, UFFD_ZEROPAGE, UFFD_MOVE, UFFD_WRITEPROTECT,
       UFFD_CONTINUE, UFFD_POISON, UFFD_API = 0x3f };

/* One ioctl of userfaultfd: `words` numbers, of which the first ones are given. */
static int64_t uffd(int64_t slot, int number, int words, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	uint64_t argument[5] = {a, b, c, d, 0};
	int read_only = number == UFFD_UNREGISTER || number == UFFD_WAKE;
	unsigned long code = (read_only ? 2ul : 3ul) << 30 | (unsigned long)words * 8 << 16 | 0xaa << 8 | number;

	return ioctl(file_of(slot), code, argument);
}

/* ---- descriptors whose mappings follow rules of their own -------------------------------------- */

enum { SPECIAL_ZERO = 2, SPECIAL_PERF = 16, SPECIAL_URING, SPECIAL_BPF, SPECIAL_PACKET, SPECIAL_SECRET, SPECIAL_VCPU };

static int open_perf(void)
{
	static uint32_t attributes[28] KEPT; /* PERF_ATTR_SIZE_VER5 */

	attributes[0] = 1; /* PERF_TYPE_SOFTWARE */
	attributes[1] = sizeof attributes;
	attributes[2] = 9; /* PERF_COUNT_SW_DUMMY */
	attributes[10] = 1; /* disabled */
	return syscall(SYS_perf_event_open, attributes, 0, -1, -1, 0);
}

static int open_bpf(int64_t pages)
{
	static uint32_t map[32] KEPT;

	map[0] = 2; /* BPF_MAP_TYPE_ARRAY */
	map[1] = 4;
	map[2] = pages * PAGE;
	map[3] = 1;
	map[4] = 0x400; /* BPF_F_MMAPABLE */
	return syscall(SYS_bpf, 0, map, sizeof map);
}

static int open_packet(int64_t pages)
{
	uint32_t ring[4] = {PAGE, pages, PAGE / 2, pages * 2};
	int fd = socket(17, SOCK_RAW, 0);

	if (fd >= 0 && setsockopt(fd, 263, 5, ring, sizeof ring) < 0) /* PACKET_RX_RING */
		return -1;
	return fd;
}

static int open_secret(int64_t pages)
{
	int fd = syscall(447, 0); /* memfd_secret */

	return fd < 0 || (pages && ftruncate(fd, pages * PAGE) < 0) ? -1 : fd;
}

static int open_vcpu(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm = kvm < 0 ? -1 : ioctl(kvm, 0xae01, 0); /* KVM_CREATE_VM */

	return vm < 0 ? -1 : ioctl(vm, 0xae41, 0); /* KVM_CREATE_VCPU */
}

static int64_t open_special(int64_t slot, int64_t kind, int64_t pages, int64_t entries)
{
	static uint32_t parameters[30] KEPT;
	int fd = -1;

	errno = EINVAL;
	if (kind == SPECIAL_ZERO)
		fd = open("/dev/zero", O_RDWR);
	else if (kind == SPECIAL_PERF)
		fd = open_perf();
	else if (kind == SPECIAL_URING)
		fd = syscall(425, entries, memset(parameters, 0, sizeof parameters)); /* io_uring_setup */
	else if (kind == SPECIAL_BPF)
		fd = open_bpf(pages);
	else if (kind == SPECIAL_PACKET)
		fd = open_packet(pages);
	else if (kind == SPECIAL_SECRET)
		fd = open_secret(pages);
	else if (kind == SPECIAL_VCPU)
		fd = open_vcpu();
	st->files[slot] = fd;
	return fd < 0 ? -1 : 0;
}

/* ---- the pool of huge pages ------------------------------------------------------------------ */

static const char *const pool_files[] = {"/proc/sys/vm/nr_hugepages", "/proc/sys/vm/nr_overcommit_hugepages"};

static int64_t read_number(const char *path)
{
	char digits[32] = "";
	int64_t value = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, digits, sizeof digits - 1) > 0)
		number(digits, &value);
	close(fd);
	return value;
}

static int64_t write_number(const char *path, int64_t value)
{
	char digits[24];
	int i = sizeof digits, fd = open(path, O_WRONLY | O_CLOEXEC);
	int64_t r;

	do
		digits[--i] = '0' + value % 10;
	while (value /= 10);
	r = fd < 0 ? -1 : write(fd, digits + i, sizeof digits - i);
	close(fd);
	return r < 0 ? -1 : 0;
}

static int64_t pool_number(const char *word)
{
	char path[80] = "/sys/kernel/mm/hugepages/hugepages-2048kB/";

	return read_number(strcat(strcat(path, word), "_hugepages"));
}

/*
 * The pool belongs to the whole machine: one program at a time, and what it was comes back whatever becomes of the
 * program, which is a child.
 *
 * Pages that are promised while nobody has any of the pool are lost to the machine: a move of a part of a private
 * mapping forgets what was promised to the rest (clear_vma_resv_huge_pages). Programs count without them.
 */
static int take_pool(int64_t before[4])
{
	int lock = open(pool_files[0], O_RDONLY | O_CLOEXEC);

	if (lock >= 0)
		flock(lock, LOCK_EX);
	before[0] = read_number(pool_files[0]);
	before[1] = read_number(pool_files[1]);
	before[2] = 0;
	before[3] = pool_number("resv");
	if (before[3] && before[3] == pool_number("nr") && before[3] == pool_number("free")) {
		before[2] = before[3];
		write_number(pool_files[0], before[2]); /* surplus until now */
	}
	return lock;
}

/* What segments of a program that was ended had comes back when a worker ends their namespace: wait for it. */
static void give_pool(int lock, const int64_t before[4])
{
	long nap[2] = {0, 1000000};

	write_number(pool_files[1], before[1]);
	for (int i = 0; i < 2000; i++) {
		write_number(pool_files[0], before[0]);
		if (read_number(pool_files[0]) == before[0] && pool_number("resv") == before[3])
			break;
		syscall(SYS_nanosleep, nap, 0);
	}
	close(lock);
}

/* Remove the segments of the program now, as far as their identifiers go round once. */
static void remove_segments(void)
{
	for (int i = 0; i < 64; i++)
		syscall(SYS_shmctl, i, 0, 0);
}

static void step_pool(void)
{
	static const char *const words[] = {"nr", "free", "resv"};

	put(" H");
	for (int i = 0; i < 3; i++)
		put_number(pool_number(words[i]) - st->pool[2]);
	put_number(pool_number("surplus"));
}

/* ---- the memory of this process as another one's, aio ------------------------------------------ */

/* Bytes moved between `length` bytes at `address`, at most as many as there are in `text`, and memory of the runner. */
static int64_t own_memory(int write, uint64_t address, uint64_t length)
{
	uint64_t local[2] = {(uintptr_t)st->text, length < sizeof st->text ? length : sizeof st->text};
	uint64_t remote[2] = {address, length};
	long pid = syscall(SYS_getpid);

	return syscall(write ? SYS_process_vm_writev : SYS_process_vm_readv, pid, local, 1, remote, 1, 0);
}

#define NO_RANDOM 0x40000l /* ADDR_NO_RANDOMIZE */

static int64_t ring_of_aio(int64_t events)
{
	unsigned long where = 0;

	return syscall(SYS_io_setup, events, &where);
}

/* ---- the table ------------------------------------------------------------------------------- */

/* 1 with the result (or -1 and errno) in *r if `op` is one of these calls. */
static int more_step(const char *op, int64_t a[6], int64_t *r)
{
	if (is(op, "shmget"))
		*r = syscall(SYS_shmget, a[0], a[1], a[2]);
	else if (is(op, "shmat"))
		*r = syscall(SYS_shmat, a[0], a[1], a[2]);
	else if (is(op, "shmdt"))
		*r = syscall(SYS_shmdt, a[0]);
	else if (is(op, "shmctl")) {
		*r = syscall(SYS_shmctl, a[0], a[1], st->page);
		if (*r > 0)
			*r = 0;
	} else if (is(op, "mbind"))
		*r = syscall(SYS_mbind, a[0], a[1], a[2], mask_of(a[3]), a[4], a[5]);
	else if (is(op, "home_node"))
		*r = syscall(450, a[0], a[1], a[2], a[3]); /* set_mempolicy_home_node */
	else if (is(op, "set_mempolicy"))
		*r = syscall(SYS_set_mempolicy, a[0], mask_of(a[1]), a[2]);
	else if (is(op, "vma_name"))
		*r = syscall(SYS_prctl, 0x53564d41, 0, a[0], a[1], a[2]);
	else if (is(op, "prctl"))
		*r = syscall(SYS_prctl, a[0], a[1], a[2], a[3], a[4]);
	else if (is(op, "pkey_alloc"))
		*r = syscall(SYS_pkey_alloc, a[0], a[1]);
	else if (is(op, "pkey_free"))
		*r = syscall(SYS_pkey_free, a[0]);
	else if (is(op, "pkru")) {
		if (st->keyed && a[0] >= 0)
			write_pkru(a[0]);
		*r = st->keyed ? read_pkru() : 0;
	} else if (is(op, "pkey_mprotect"))
		*r = syscall(SYS_pkey_mprotect, a[0], a[1], a[2], a[3]);
	else if (is(op, "close")) {
		*r = close(file_of(a[0]));
		if (a[0] >= 0 && a[0] < MAX_FILES) /* its number may come back for another file */
			st->files[a[0]] = CLOSED_FD;
	} else if (is(op, "userfaultfd")) {
		st->files[a[1]] = syscall(SYS_userfaultfd, a[0]);
		*r = st->files[a[1]] < 0 ? -1 : 0;
	} else if (is(op, "uffdio_api"))
		*r = uffd(a[0], UFFD_API, 3, a[2], a[1], 0, 0);
	else if (is(op, "uffdio_register"))
		*r = uffd(a[0], UFFD_REGISTER, 4, a[1], a[2], a[3], 0);
	else if (is(op, "uffdio_unregister"))
		*r = uffd(a[0], UFFD_UNREGISTER, 2, a[1], a[2], 0, 0);
	else if (is(op, "uffdio_copy"))
		*r = uffd(a[0], UFFD_COPY, 5, a[1], a[2], a[3], a[4]);
	else if (is(op, "uffdio_zeropage"))
		*r = uffd(a[0], UFFD_ZEROPAGE, 4, a[1], a[2], a[3], 0);
	else if (is(op, "uffdio_writeprotect"))
		*r = uffd(a[0], UFFD_WRITEPROTECT, 3, a[1], a[2], a[3], 0);
	else if (is(op, "uffdio_continue"))
		*r = uffd(a[0], UFFD_CONTINUE, 4, a[1], a[2], a[3], 0);
	else if (is(op, "uffdio_move"))
		*r = uffd(a[0], UFFD_MOVE, 5, a[1], a[2], a[3], a[4]);
	else if (is(op, "uffdio_poison"))
		*r = uffd(a[0], UFFD_POISON, 4, a[1], a[2], a[3], 0);
	else if (is(op, "diskfile"))
		*r = make_disk_file(a[0], a[1], a[2], a[3], a[4]);
	else if (is(op, "special_file"))
		*r = open_special(a[0], a[1], a[2], a[3]);
	else if (is(op, "fallocate"))
		*r = fallocate(file_of(a[0]), a[1], a[2], a[3]);
	else if (is(op, "process_vm_readv") || is(op, "process_vm_writev"))
		*r = own_memory(is(op, "process_vm_writev"), a[0], a[1]);
	else if (is(op, "io_setup"))
		*r = ring_of_aio(a[0]);
	else if (is(op, "io_destroy"))
		*r = syscall(SYS_io_destroy, a[0]);
	else if (is(op, "personality")) { /* that addresses are not random is not the program's affair */
		*r = syscall(SYS_personality, a[0] | NO_RANDOM);
		*r = *r < 0 ? *r : *r & ~NO_RANDOM;
	}
	else if (is(op, "sysctl"))
		*r = write_number(pool_files[a[0] & 1], a[1] + (a[0] ? 0 : st->pool[2]));
	else
		return 0;
	return 1;
}

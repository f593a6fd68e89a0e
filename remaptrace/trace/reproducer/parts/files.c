/* ---- files ---- */

static unsigned char page_of_file[PAGE];
static long byte_read; /* by the last pread; -1: at the end of the file */

/* File number k: `pages` pages on shmem; with `fill` every byte of page p is (p + 1 + 32k) mod 256. */
static long make_file(int *fd, const char *name, long pages, int fill, int k, unsigned int flags)
{
	*fd = syscall(SYS_memfd_create, name, flags);
	if (*fd < 0 || (pages && ftruncate(*fd, pages * PAGE) < 0))
		return -errno;
	for (long p = 0; fill && p < pages; p++) {
		memset(page_of_file, (p + 1 + 32 * k) & 0xff, PAGE);
		if (pwrite(*fd, page_of_file, PAGE, p * PAGE) != PAGE)
			return -errno;
	}
	return 0;
}

static long open_again(int fd, int *new_fd, int how)
{
	char path[40] = "/proc/self/fd/";
	int n = strlen(path), digits = fd >= 100 ? 3 : fd >= 10 ? 2 : 1;

	for (int i = digits - 1, v = fd; i >= 0; i--, v /= 10)
		path[n + i] = '0' + v % 10;
	path[n + digits] = 0;
	*new_fd = open(path, how);
	return *new_fd < 0 ? -errno : 0;
}

static long duplicate(int fd, int *new_fd)
{
	*new_fd = dup(fd);
	return *new_fd < 0 ? -errno : 0;
}

static long close_file(int *fd)
{
	long got = close(*fd) ? -errno : 0;

	*fd = CLOSED;
	return got;
}

static long read_byte(int fd, long offset)
{
	unsigned char byte;
	ssize_t got = pread(fd, &byte, 1, offset);

	byte_read = got > 0 ? byte : -1;
	return got < 0 ? -errno : 0;
}

static long write_byte(int fd, long offset, int value)
{
	unsigned char byte = value;

	return pwrite(fd, &byte, 1, offset) == 1 ? 0 : -errno;
}

#define want_byte(value) check("byte read", value, byte_read)
#define want_eof() check("byte read", -1, byte_read)

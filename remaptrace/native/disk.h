/*
 * disk: files of a file system that counts what is dirty and has large folios, for rules that memfds do not show.
 *
 * Only ext4 will do: the rules are about what it does (where its mappings go, what it reads and writes at once).
 * Part of runner.c, included there.
 */
#define EXT4 0xef53
#define FOLIO_PLACE (HOMES[0] - (1 << 30)) /* what is written lies there meanwhile */

/* The first folder on ext4; 0: none. */
static const char *disk_folder(void)
{
	static const char *const folders[] = {"/disk", "/var/tmp", ".", "/tmp"};
	int64_t about[32];

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		if (syscall(SYS_statfs, folders[i], about) == 0 && about[0] == EXT4 &&
		    syscall(SYS_access, folders[i], 3 /* W_OK | X_OK */) == 0)
			return folders[i];
	return 0;
}

/* A new file without a name; -1 and ENOTBLK where there is no disk. */
static int open_on_disk(int64_t slot)
{
	const char *folder = disk_folder();
	char path[64] = "", digits[12] = "-f";
	int fd, n = 10;
	char pid[12] = "";

	errno = ENOTBLK;
	if (!folder)
		return -1;
	for (long v = syscall(SYS_getpid); v; v /= 10)
		pid[--n] = '0' + v % 10;
	for (int i = 0, by = 100; i < 3; i++, by /= 10)
		digits[2 + i] = '0' + slot / by % 10;
	strcat(strcat(strcat(strcat(path, folder), "/remaptrace-"), pid + n), digits);
	fd = syscall(SYS_open, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd >= 0)
		syscall(SYS_unlink, path);
	return fd;
}

/* As make_file, written `folio` pages at once: large folios, where the file system makes such. */
static int64_t make_disk_file(int64_t slot, int64_t pages, int64_t fill, int64_t k, int64_t folio)
{
	int fd = open_on_disk(slot);
	int64_t bytes = (folio > 1 ? folio : 1) * PAGE, first = 0;

	if (fd < 0 || ftruncate(fd, pages * PAGE) < 0)
		return -1;
	st->files[slot] = fd;
	if (!fill)
		return 0;
	unsigned char *buffer = (unsigned char *)syscall(SYS_mmap, FOLIO_PLACE, bytes, PROT_READ | PROT_WRITE,
							 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (buffer != (unsigned char *)FOLIO_PLACE)
		return -1;
	while (first < pages) {
		int64_t n = pages - first < bytes / PAGE ? pages - first : bytes / PAGE;

		for (int64_t p = 0; p < n; p++)
			memset(buffer + p * PAGE, (first + p + 1 + 32 * k) & 0xff, PAGE);
		if (pwrite(fd, buffer, n * PAGE, first * PAGE) != n * PAGE)
			return -1;
		first += n;
	}
	syscall(SYS_munmap, buffer, bytes);
	return 0;
}

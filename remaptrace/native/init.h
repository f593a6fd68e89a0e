/*
 * init: the runner as the first process of a kernel in a virtual machine.
 *
 * Mounts what it reads, takes /programs for its standard input and the second serial line, or the file
 * /answers, for its standard output, and ends the machine when all is said.
 */
#define RESTART 0x01234567
#define POWER_OFF 0x4321fedc

static void console(const char *words)
{
	int fd = open("/dev/console", O_WRONLY | O_NOCTTY);
	write(fd, "\nrunner: ", 9);
	write(fd, words, strlen(words));
	write(fd, "\n", 1);
	close(fd);
}

/* Ends the machine; of User-mode Linux too, which would start anew. */
static void end_machine(int command)
{
	syscall(SYS_ioctl, OUT_FD, 0x5409 /* TCSBRK: what was written is out */, 1);
	syscall(SYS_sync);
	syscall(SYS_reboot, 0xfee1dead, 672274793, command, 0);
	for (;;)
		syscall(SYS_pause);
}

static void mount_one(const char *type, const char *place)
{
	if (syscall(SYS_mount, type, place, type, 0, 0) < 0 && errno != EBUSY)
		console(type);
}

/* Lines as they are written: no carriage returns, no echo. */
static void raw(int fd)
{
	unsigned char settings[64]; /* struct termios of the kernel; its first word is c_iflag, then c_oflag */

	if (syscall(SYS_ioctl, fd, 0x5401 /* TCGETS */, settings) < 0)
		return;
	memset(settings, 0, 8);
	memset(settings + 12, 0, 4); /* c_lflag */
	syscall(SYS_ioctl, fd, 0x5402 /* TCSETS */, settings);
}

/* The disk that the emulator has, whichever driver the kernel has for one: it takes its time to be found. */
static void mount_disk(void)
{
	static const char *const blocks[] = {"/sys/block/nvme0n1/dev", "/sys/block/vda/dev"};
	long nap[2] = {0, 10000000};
	int64_t major, minor;

	for (int tries = 0; tries < 300; tries++) {
		for (int i = 0; i < 2; i++) {
			char s[64];
			int fd = open(blocks[i], O_RDONLY | O_CLOEXEC);
			ssize_t n = fd < 0 ? 0 : read(fd, s, 60);

			close(fd);
			if (n <= 0)
				continue;
			s[n] = 0;
			number(number(s, &major) + 1, &minor);
			syscall(SYS_unlink, "/disk.block");
			syscall(SYS_mknod, "/disk.block", 060600 /* S_IFBLK */,
				(minor & 0xff) | major << 8 | (minor & ~0xff) << 12);
			if (syscall(SYS_mount, "/disk.block", "/disk", "ext4", 0, 0) == 0)
				return;
		}
		syscall(SYS_nanosleep, nap, 0);
	}
	console("no disk");
}

static void become_init(int command, int disk)
{
	int in, out;

	mount_one("proc", "/proc");
	mount_one("sysfs", "/sys");
	mount_one("tmpfs", "/tmp");
	if (disk)
		mount_disk();
	in = open("/programs", O_RDONLY);
	out = open("/answers", O_WRONLY);
	if (out < 0)
		out = open("/dev/ttyS1", O_WRONLY | O_NOCTTY);
	if (in < 0 || out < 0) {
		console(in < 0 ? "no programs" : "no second serial line");
		end_machine(command);
	}
	raw(out);
	syscall(SYS_dup2, in, 0);
	syscall(SYS_dup2, out, OUT_FD);
	/* The programs find the descriptors free that they find elsewhere. */
	for (int fd = 2; fd < 16; fd++)
		if (fd != 2)
			close(fd);
	syscall(SYS_dup2, OUT_FD, 2);
	syscall(SYS_personality, 0x0040000 /* ADDR_NO_RANDOMIZE: as the kernel's command line says */);
}

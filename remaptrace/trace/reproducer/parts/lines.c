/* ---- /proc/self/maps and smaps, line by line, without the heap ---- */

static char lines_buffer[1 << 16], line[512];
static size_t lines_at, lines_end;
static int lines_fd;

static int next_line(void)
{
	size_t n = 0;

	for (;;) {
		if (lines_at == lines_end) {
			ssize_t got = read(lines_fd, lines_buffer, sizeof lines_buffer);

			if (got <= 0) {
				line[n] = 0;
				return n > 0;
			}
			lines_at = 0;
			lines_end = got;
		}
		if (lines_buffer[lines_at] == '\n') {
			lines_at++;
			line[n] = 0;
			return 1;
		}
		if (n < sizeof line - 1)
			line[n++] = lines_buffer[lines_at];
		lines_at++;
	}
}

static void open_lines(const char *path)
{
	lines_fd = open(path, O_RDONLY | O_CLOEXEC);
	lines_at = lines_end = 0;
}

static char *hex(char *s, unsigned long *value)
{
	*value = 0;
	for (;; s++) {
		if (*s >= '0' && *s <= '9')
			*value = *value * 16 + (*s - '0');
		else if (*s >= 'a' && *s <= 'f')
			*value = *value * 16 + (*s - 'a' + 10);
		else
			return s;
	}
}

struct area {
	unsigned long start, end;
	const char *perms; /* null: not compared, here and below */
	long offset; /* bytes; -1: not compared */
	const char *name;
	const char *flags; /* of VmFlags */
};

struct found {
	unsigned long start, end, offset, inode;
	char perms[5], name[96], flags[96];
};

/* The area of a line of maps; 0: the line is of another kind. */
static int read_area(struct found *a)
{
	char *s = hex(line, &a->start);
	unsigned long ignored;
	size_t n;

	if (s == line || *s != '-')
		return 0;
	s = hex(s + 1, &a->end);
	memcpy(a->perms, s + 1, 4);
	a->perms[4] = 0;
	s = hex(s + 6, &a->offset);
	s = hex(s + 1, &ignored);
	s = hex(s + 1, &ignored); /* the device */
	a->inode = 0;
	for (s++; *s >= '0' && *s <= '9'; s++)
		a->inode = a->inode * 10 + (*s - '0');
	while (*s == ' ')
		s++;
	n = strlen(s);
	if (n >= sizeof a->name)
		n = sizeof a->name - 1;
	memcpy(a->name, s, n);
	a->name[n] = 0;
	a->flags[0] = 0;
	return 1;
}

/* ---- what was mapped before the first step ---- */

static struct found own[64];
static int own_areas;
static unsigned long heap_start;

static void remember_own_areas(void)
{
	open_lines("/proc/self/maps");
	while (own_areas < 64 && next_line())
		own_areas += read_area(&own[own_areas]);
	close(lines_fd);
	for (int i = 0; i < own_areas; i++)
		if (!strcmp(own[i].name, "[heap]"))
			heap_start = own[i].start; /* the last: before 6.6 the bss beside it is called so too */
}

static int is_own(const struct found *a)
{
	if (!strcmp(a->name, "[vsyscall]") || !strcmp(a->name, "[stack]"))
		return 1;
	if (!strcmp(a->name, "[heap]") && a->start == heap_start)
		return !SHOW_HEAP;
	for (int i = 0; i < own_areas; i++)
		if (own[i].start <= a->start && a->end <= own[i].end)
			return 1;
	return 0;
}

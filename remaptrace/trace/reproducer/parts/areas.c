/* ---- areas compared with those of a table ---- */

#define SEGMENT (1UL << 62)

static unsigned long shared_inode[STEPS + 1]; /* of the shared anonymous object that a step made */
static char expected_text[512], found_text[512];

static void note_shared_object(int n)
{
	struct found a;

	open_lines("/proc/self/maps");
	while (next_line())
		if (read_area(&a) && a.start <= (unsigned long)r[n] && (unsigned long)r[n] < a.end)
			shared_inode[n] = a.inode;
	close(lines_fd);
}

static char *put_hex(char *to, unsigned long value)
{
	int shift = 60;

	while (shift && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*to++ = "0123456789abcdef"[value >> shift & 15];
	return to;
}

static char *put_text(char *to, const char *from)
{
	size_t n = strlen(from);

	memcpy(to, from, n);
	return to + n;
}

/* What the object behind an area is called in the table: a file's name, shm@STEP, or nothing. */
static void name_object(struct found *a)
{
	size_t n = strlen(a->name);

	if (n > 10 && !strcmp(a->name + n - 10, " (deleted)"))
		a->name[n -= 10] = 0;
	if (!strncmp(a->name, "/memfd:", 7))
		memmove(a->name, a->name + 7, n - 6);
	if (!strncmp(a->name, "/SYSV", 5))
		a->inode |= SEGMENT; /* its inode number is the number of the segment */
	if (!strcmp(a->name, "/dev/zero") || a->inode & SEGMENT)
		for (int i = 0; i <= STEPS; i++)
			if (shared_inode[i] && shared_inode[i] == a->inode) {
				char digits[12], *s = digits + 11;

				*s = 0;
				do
					*--s = '0' + i % 10;
				while (i /= 10);
				*put_text(put_text(a->name, "shm@"), s) = 0;
				return;
			}
}

/* Flags that an option of the kernel sets, whatever the program does: MEM_SOFT_DIRTY. */
static void without_configured_flags(char *flags)
{
	char *to = flags;

	for (char *s = flags; *s; s += s[1] && s[2] ? 3 : strlen(s))
		if (memcmp(s, "sd", 2)) {
			if (to != flags)
				*to++ = ' ';
			to[0] = s[0];
			to[1] = s[1];
			to += 2;
		}
	*to = 0;
}

static int next_area(struct found *a)
{
	static int held;
	int have = 0;

	if (!a) {
		held = 0;
		return 0;
	}
	for (;;) {
		if (!held && !next_line())
			return have;
		held = 0;
		if (!strncmp(line, "VmFlags: ", 9)) {
			size_t n = strlen(line + 9);

			while (n && line[9 + n - 1] == ' ')
				n--;
			if (have && n < sizeof a->flags) {
				memcpy(a->flags, line + 9, n);
				a->flags[n] = 0;
				without_configured_flags(a->flags);
			}
		} else if (line[0] < 'A' || line[0] > 'Z') {
			if (have && !is_own(a)) {
				held = 1;
				return 1;
			}
			have = read_area(a) && !is_own(a);
		}
	}
}

static void describe(char *to, unsigned long start, unsigned long end, const char *perms, long offset,
		     const char *name, const char *flags)
{
	to = put_hex(to, start);
	*to++ = '-';
	to = put_hex(to, end);
	if (perms) {
		*to++ = ' ';
		to = put_text(to, perms);
	}
	if (offset >= 0) {
		*to++ = ' ';
		to = put_hex(to, offset);
	}
	if (name) {
		*to++ = ' ';
		to = put_text(to, *name ? name : "(anonymous)");
	}
	if (flags) {
		to = put_text(to, " [");
		to = put_text(to, flags);
		*to++ = ']';
	}
	*to = 0;
}

static void want_areas(const struct area *table, int count)
{
	struct found a;
	int i = 0, flags = 0, said = 0;

	for (int j = 0; j < count; j++)
		flags |= !!table[j].flags;
	open_lines(flags ? "/proc/self/smaps" : "/proc/self/maps");
	next_area(0);
	for (; next_area(&a); i++) {
		const struct area *w = &table[i];

		name_object(&a);
		if (i < count) {
			describe(expected_text, w->start, w->end, w->perms, w->offset, w->name, w->flags);
			describe(found_text, a.start, a.end, w->perms ? a.perms : 0,
				 w->offset >= 0 ? (long)a.offset : -1, w->name ? a.name : 0,
				 w->flags ? a.flags : 0);
		} else {
			strcpy(expected_text, "no area");
			describe(found_text, a.start, a.end, a.perms, a.offset, a.name, 0);
		}
		if (!said && strcmp(expected_text, found_text)) {
			said = 1; /* the first one: those behind it often only follow */
			check_text("area", expected_text, found_text);
		}
	}
	close(lines_fd);
	check("number of areas", count, i);
}

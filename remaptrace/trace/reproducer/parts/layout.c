/* ---- where the kernel places things, and the break ---- */

static unsigned long top; /* the end of the first free range of a top-down search */
static unsigned long break_start; /* bytes, at a page boundary */
static long own_pages; /* mapped before the first step */
static long own_data_pages; /* of these, private and writable, without the stack */

static void find_layout(void)
{
	unsigned long now = syscall(SYS_brk, 0);
	char *one;

	break_start = (now + PAGE) / PAGE * PAGE; /* above what the C library took: it never is empty */
	syscall(SYS_brk, break_start);
	one = mmap(0, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	top = (unsigned long)one + PAGE;
	munmap(one, PAGE);
}

static void measure_own_areas(void)
{
	for (int i = 0; i < own_areas; i++) {
		long pages = (own[i].end - own[i].start) / PAGE;

		if (!strcmp(own[i].name, "[vsyscall]"))
			continue;
		own_pages += pages;
		if (own[i].perms[1] == 'w' && own[i].perms[3] == 'p' && strcmp(own[i].name, "[stack]"))
			own_data_pages += pages;
	}
}

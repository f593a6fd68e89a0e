/* ---- pages: '.' nothing, a private page mapped once, z neither of a file nor mapped once, F file page
 *      mapped once, f more than once, s swapped, G guard ---- */

static char page_letters[MOST_PAGES + 1];
static unsigned char resident[MOST_PAGES + 1];

static void want_pages(unsigned long address, const char *letters)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	long i = 0;

	for (; letters[i]; i++) {
		uint64_t word = 0;

		if (pread(fd, &word, 8, (address / PAGE + i) * 8) != 8)
			word = 0;
		int present = word >> 63 & 1, of_file = word >> 61 & 1, once = word >> 56 & 1;

		if (word >> 58 & 1)
			page_letters[i] = 'G';
		else if (word >> 62 & 1)
			page_letters[i] = 's';
		else if (present)
			page_letters[i] = of_file ? (once ? 'F' : 'f') : (once ? 'a' : 'z');
		else
			page_letters[i] = '.';
	}
	page_letters[i] = 0;
	close(fd);
	check_text("pages", letters, page_letters);
}

static void want_resident(const char *digits)
{
	long i = 0;

	for (; digits[i]; i++)
		page_letters[i] = resident[i] & 1 ? '1' : '0';
	page_letters[i] = 0;
	check_text("resident", digits, page_letters);
}

/* ---- answers as KTAP, a test a step ---- */

static char out[1 << 14];
static size_t out_used;
static const char *open_text; /* of the step whose result is not written yet */
static int open_number, open_failed, failures;

static void flush(void)
{
	size_t done = 0;
	ssize_t n;

	while (done < out_used && (n = write(1, out + done, out_used - done)) > 0)
		done += n;
	out_used = 0;
}

static void put(const char *s)
{
	for (; *s; s++) {
		if (out_used == sizeof out)
			flush();
		out[out_used++] = *s;
	}
}

static void put_number(long value)
{
	char digits[24];
	int i = sizeof digits - 1;
	unsigned long v = value;

	digits[i] = 0;
	if (value < 0 && value > -4096)
		v = -value;
	if (v > 99999) {
		do
			digits[--i] = "0123456789abcdef"[v & 15];
		while (v >>= 4);
		digits[--i] = 'x';
		digits[--i] = '0';
	} else {
		do
			digits[--i] = '0' + v % 10;
		while (v /= 10);
	}
	if (value < 0 && value > -4096)
		digits[--i] = '-';
	put(digits + i);
}

static void end_step(void)
{
	if (!open_text)
		return;
	put(open_failed ? "not ok " : "ok ");
	put_number(open_number + 1);
	put(" ");
	put(open_text);
	put("\n");
	failures += open_failed;
	open_text = 0;
	flush();
}

static void begin(int n, const char *text)
{
	end_step();
	open_number = n;
	open_text = text;
	open_failed = 0;
}

static void check_text(const char *what, const char *wanted, const char *got)
{
	if (!strcmp(wanted, got))
		return;
	open_failed = 1;
	put("# ");
	put(what);
	put(": expected ");
	put(wanted);
	put(", got ");
	put(got);
	put("\n");
}

static void check(const char *what, long wanted, long got)
{
	if (wanted == got)
		return;
	open_failed = 1;
	put("# ");
	put(what);
	put(": expected ");
	put_number(wanted);
	put(wanted < 0 && wanted > -4096 ? " (" : "");
	put(wanted < 0 && wanted > -4096 ? strerror(-wanted) : "");
	put(wanted < 0 && wanted > -4096 ? "), got " : ", got ");
	put_number(got);
	put(got < 0 && got > -4096 ? " (" : "");
	put(got < 0 && got > -4096 ? strerror(-got) : "");
	put(got < 0 && got > -4096 ? ")\n" : "\n");
}

static void skip_all(const char *why)
{
	put("KTAP version 1\n1..0 # SKIP ");
	put(why);
	put("\n");
	flush();
	_exit(4);
}

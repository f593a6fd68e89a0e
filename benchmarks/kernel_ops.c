/*
 * kernel_ops: does the rows of an event file on the running kernel and says how long they took.
 *
 * usage: kernel_ops FILE SETUP [ROUNDS]
 * FILE holds rows of seven 64-bit words: kind (a K_* number of remaptrace.trace.events), a0..a5.
 * The first SETUP rows are done untimed; the rest is done ROUNDS times in a row and timed. Prints
 * nanoseconds of processor time of the fastest round. The same rows are given to the simulated kernel.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	K_MMAP = 1, K_MUNMAP = 2, K_MPROTECT = 3, K_MREMAP = 5, K_BRK = 6, K_MADVISE = 7, K_MLOCK = 9,
	K_MUNLOCK = 11, K_MINCORE = 15, K_REMAP_FILE_PAGES = 16, K_READ = 80, K_WRITE = 81
};

static unsigned char vector[1 << 16];
static volatile unsigned char sink;

static void row(const int64_t *r)
{
	volatile unsigned char *p = (volatile unsigned char *)r[1];
	int64_t pages = r[3] ? r[3] : 1;
	switch (r[0]) {
	case K_MMAP: syscall(SYS_mmap, r[1], r[2], r[3], r[4], r[5], r[6]); break;
	case K_MUNMAP: syscall(SYS_munmap, r[1], r[2]); break;
	case K_MPROTECT: syscall(SYS_mprotect, r[1], r[2], r[3]); break;
	case K_MREMAP: syscall(SYS_mremap, r[1], r[2], r[3], r[4], r[5]); break;
	case K_BRK: syscall(SYS_brk, r[1]); break;
	case K_MADVISE: syscall(SYS_madvise, r[1], r[2], r[3]); break;
	case K_MLOCK: syscall(SYS_mlock, r[1], r[2]); break;
	case K_MUNLOCK: syscall(SYS_munlock, r[1], r[2]); break;
	case K_MINCORE: syscall(SYS_mincore, r[1], r[2], vector); break;
	case K_REMAP_FILE_PAGES: syscall(SYS_remap_file_pages, r[1], r[2], r[3], r[4], r[5]); break;
	case K_READ: for (int64_t i = 0; i < pages; i++) sink = p[i << 12]; break;
	case K_WRITE: for (int64_t i = 0; i < pages; i++) p[i << 12] = r[2]; break;
	default: exit(2);
	}
}

int main(int argc, char **argv)
{
	FILE *file = argc > 2 ? fopen(argv[1], "rb") : 0;
	struct stat st;
	if (!file || fstat(fileno(file), &st))
		return 2;
	int64_t (*rows)[7] = malloc(st.st_size);
	int64_t n = fread(rows, 56, st.st_size / 56, file), setup = atoll(argv[2]), best = INT64_MAX;
	int rounds = argc > 3 ? atoi(argv[3]) : 1;
	for (int64_t i = 0; i < setup; i++)
		row(rows[i]);
	for (int k = 0; k < rounds; k++) {
		struct timespec a, b;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
		for (int64_t i = setup; i < n; i++)
			row(rows[i]);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
		int64_t ns = (b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec;
		best = ns < best ? ns : best;
	}
	printf("%lld\n", (long long)best);
	return 0;
}

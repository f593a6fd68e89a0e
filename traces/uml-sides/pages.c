/* A guest's program that touches its memory in a known order, static and without libc, so that it touches nothing else.
 *
 * gcc -O2 -static -nostdlib -no-pie -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables -Wl,--build-id=none \
 *     -Wl,-z,noseparate-code -o pages pages.c
 */
typedef unsigned long ul;
typedef long l;

static inline l call(l n, l a, l b, l c, l d, l e, l f)
{
	l r;
	register l r10 __asm__("r10") = d;
	register l r8 __asm__("r8") = e;
	register l r9 __asm__("r9") = f;
	__asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
}

#define P 4096UL
#define BASE 0x10000000UL
#define MOVED 0x30000000UL
static inline void wr(ul a) { *(volatile char *)a = 1; }
static inline void rd(ul a) { (void)*(volatile char *)a; }

void _start(void)
{
	ul i;
	l pid;

	call(9, BASE, 4096 * P, 3, 0x32, -1, 0);		/* mmap */
	for (i = 0; i < 2000; i++)				/* every second page, scattered */
		wr(BASE + 2 * ((i * 797) % 2000) * P);
	for (i = 0; i < 1000; i += 2)				/* mprotect: every second of the lower half read-only */
		call(10, BASE + 2 * i * P, P, 1, 0, 0, 0);
	for (i = 0; i < 100; i++)				/* zero pages */
		rd(BASE + (2 * i + 1) * P);
	for (i = 0; i < 50; i++)				/* half of them copied */
		wr(BASE + (2 * i + 1) * P);
	call(11, BASE + 1000 * P, 500 * P, 0, 0, 0, 0);	/* munmap in the middle */
	call(28, BASE + 1600 * P, 64 * P, 4, 0, 0, 0);		/* madvise: MADV_DONTNEED */
	call(25, BASE + 2048 * P, 64 * P, 64 * P, 3, MOVED, 0);	/* mremap: moved */
	for (i = 0; i < 64; i += 2)				/* read where it lies now */
		rd(MOVED + i * P);
	call(10, BASE + 3000 * P, 100 * P, 0, 0, 0, 0);		/* mprotect: nothing */
	call(10, BASE + 3000 * P, 100 * P, 3, 0, 0, 0);		/* and back */
	for (i = 0; i < 100; i += 2)
		wr(BASE + (3000 + i) * P);
	pid = call(57, 0, 0, 0, 0, 0, 0);			/* fork */
	if (pid == 0) {
		for (i = 0; i < 100; i++)
			rd(BASE + (2 * (2 * i + 1)) * P);
		for (i = 0; i < 100; i++)
			wr(BASE + (2 * (2 * i + 1)) * P);
		call(231, 7, 0, 0, 0, 0, 0);			/* exit_group */
	}
	call(61, pid, 0, 0, 0, 0, 0);				/* wait4 */
	for (i = 0; i < 100; i++)
		wr(BASE + (2 * (2 * i + 1)) * P);
	call(11, BASE, 4096 * P, 0, 0, 0, 0);
	call(11, MOVED, 64 * P, 0, 0, 0, 0);
	call(231, 0, 0, 0, 0, 0, 0);
}

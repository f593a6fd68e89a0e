/*
 * bare: what the runner needs of a C library, so that it has none.
 *
 * A C library brings a heap, thread-local storage and a start that differ from one machine to the
 * next; without one the runner has the areas that the kernel makes and those it maps itself, needs
 * no static libraries to be built, and can be the first process of a kernel. x86-64 only.
 */
#ifndef BARE_H
#define BARE_H

#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define KEPT __attribute__((section(".data"))) /* no bss: it would touch the heap */

static int bare_errno KEPT;
#undef errno
#define errno bare_errno

static inline long bare_call(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long r;
	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	if (r < 0 && r >= -4095) {
		errno = -r;
		return -1;
	}
	return r;
}

/* syscall(SYS_x, up to six arguments): the result, or -1 with errno set. */
#define bare_six(n, a, b, c, d, e, f, ...) \
	bare_call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define syscall(...) bare_six(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

#define open(path, flags) syscall(SYS_open, path, flags, 0)
#define close(fd) syscall(SYS_close, fd)
#define read(fd, buffer, n) syscall(SYS_read, fd, buffer, n)
#define write(fd, buffer, n) syscall(SYS_write, fd, buffer, n)
#define pread(fd, buffer, n, at) syscall(SYS_pread64, fd, buffer, n, at)
#define pwrite(fd, buffer, n, at) syscall(SYS_pwrite64, fd, buffer, n, at)
#define ftruncate(fd, size) syscall(SYS_ftruncate, fd, size)
#define fallocate(fd, mode, at, n) syscall(SYS_fallocate, fd, mode, at, n)
#define fcntl(fd, command, argument) syscall(SYS_fcntl, fd, command, argument)
#define dup(fd) syscall(SYS_dup, fd)
#define prctl(...) syscall(SYS_prctl, __VA_ARGS__)
#define flock(fd, how) syscall(SYS_flock, fd, how)
#define socket(domain, type, protocol) syscall(SYS_socket, domain, type, protocol)
#define setsockopt(fd, level, name, value, n) syscall(SYS_setsockopt, fd, level, name, value, n)
#define ioctl(fd, request, argument) syscall(SYS_ioctl, fd, request, argument)
#define getrusage(who, usage) syscall(SYS_getrusage, who, usage)
#define getrlimit(which, limit) syscall(SYS_getrlimit, which, limit)
#define setrlimit(which, limit) syscall(SYS_setrlimit, which, limit)
#define kill(pid, sig) syscall(SYS_kill, pid, sig)
#define fork() syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)
#define waitpid(pid, status, options) syscall(SYS_wait4, pid, status, options, 0)
#define _exit(code)                               \
	do {                                      \
		syscall(SYS_exit_group, code);       \
		__builtin_unreachable();          \
	} while (0)

void *memcpy(void *to, const void *from, size_t n)
{
	void *start = to;
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return start;
}

void *memmove(void *to, const void *from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;
	if (t <= f || t >= f + n)
		return memcpy(to, from, n);
	while (n--)
		t[n] = f[n];
	return to;
}

void *memset(void *to, int value, size_t n)
{
	void *start = to;
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
	return start;
}

size_t strlen(const char *s)
{
	size_t n = 0;
	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *(const unsigned char *)a - *(const unsigned char *)b;
}

char *strcat(char *to, const char *from)
{
	memcpy(to + strlen(to), from, strlen(from) + 1);
	return to;
}

char *strcpy(char *to, const char *from)
{
	return memcpy(to, from, strlen(from) + 1);
}

char *strstr(const char *text, const char *word)
{
	size_t n = strlen(word);
	for (; *text; text++) {
		size_t i = 0;
		while (i < n && text[i] == word[i])
			i++;
		if (i == n)
			return (char *)text;
	}
	return 0;
}

/* ---- signals and jumps ----------------------------------------------------------------------- */

struct place {
	uint64_t kept[8]; /* rbx rbp r12 r13 r14 r15 rsp rip */
};

int mark(struct place *) __attribute__((returns_twice));
void jump(struct place *) __attribute__((noreturn));
void from_signal(void);

__asm__(".text\n"
	".globl mark\nmark:\n"
	"	mov %rbx, (%rdi)\n	mov %rbp, 8(%rdi)\n	mov %r12, 16(%rdi)\n"
	"	mov %r13, 24(%rdi)\n	mov %r14, 32(%rdi)\n	mov %r15, 40(%rdi)\n"
	"	lea 8(%rsp), %rax\n	mov %rax, 48(%rdi)\n"
	"	mov (%rsp), %rax\n	mov %rax, 56(%rdi)\n"
	"	xor %eax, %eax\n	ret\n"
	".globl jump\njump:\n"
	"	mov (%rdi), %rbx\n	mov 8(%rdi), %rbp\n	mov 16(%rdi), %r12\n"
	"	mov 24(%rdi), %r13\n	mov 32(%rdi), %r14\n	mov 40(%rdi), %r15\n"
	"	mov 48(%rdi), %rsp\n	cld\n	mov $1, %eax\n	jmp *56(%rdi)\n"
	".globl from_signal\nfrom_signal:\n"
	"	mov $15, %eax\n	syscall\n"
	".globl _start\n_start:\n"
	"	xor %ebp, %ebp\n	mov %rsp, %rdi\n	and $-16, %rsp\n"
	"	call start\n");

struct bare_action {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

#define BARE_RESTORER 0x04000000

static int handle(int sig, void (*handler)(int, siginfo_t *, void *), unsigned long flags)
{
	struct bare_action action = {handler, flags | SA_SIGINFO | BARE_RESTORER, from_signal, 0};
	return syscall(SYS_rt_sigaction, sig, &action, 0, sizeof action.mask);
}

#endif

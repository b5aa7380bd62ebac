/* actor NAME ADJ UID GROUP ROLE A B: one process, as cast.c explains it. NAME is in hex, "-" is no name. */
#include "common.h"
#include <grp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* Touch it with what does not compress well, as a program's memory does: a third of each page is random. */
static void touch(char *at, long size)
{
	static uint32_t dice = 2463534242u;

	for (char *page = at; page < at + size; page += 4096)
		for (int i = 0; i < 1200; i += 4) {
			dice ^= dice << 13, dice ^= dice >> 17, dice ^= dice << 5;
			*(uint32_t *)(page + i) = dice;
		}
}

static char *pages(long kb, int kind)
{
	char *at = mmap(NULL, kb << 10, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	touch(at, kb << 10);
	return at;
}

static void say(const char *format, ...)
{
	char text[160];
	va_list list;

	va_start(list, format);
	int n = vsnprintf(text, sizeof text, format, list);
	va_end(list);
	if (write(SAY, text, n) != n)
		_exit(4);
}

static void up(void)
{
	if (write(READY, "u", 1) != 1)
		_exit(4);
}

static void wait_for_go(void)
{
	char byte;

	up();
	while (read(GO, &byte, 1) < 0 && errno == EINTR)
		;
}

static void leak(long kb, long us)
{
	for (long total = 0;; total += kb) {
		if (!pages(kb, MAP_PRIVATE)) {
			say("no memory after %ld kB: %s", total, strerror(errno));
			return;
		}
		if (us)
			usleep(us);
	}
}

static void fill(long kb, long us)
{
	static char piece[65536];
	int fd = open(TMPFS "/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	touch(piece, sizeof piece);
	for (long total = 0;; total += 64) {
		if (write(fd, piece, sizeof piece) < 0) {
			say("tmpfs took %ld kB: %s", total, strerror(errno));
			return;
		}
		if (us && total % kb == 0)
			usleep(us);
	}
}

static void sockets(long count, long us)
{
	int pair[2];
	struct rlimit limit = {2 * count + 64, 2 * count + 64};

	setrlimit(RLIMIT_NOFILE, &limit);
	for (long n = 0; n < count; n++) {
		if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair)) {
			say("%ld pairs of sockets: %s", n, strerror(errno));
			return;
		}
		if (us && n % 64 == 0)
			usleep(us);
	}
}

static void forks(long count)
{
	for (long n = 0; n < count; n++) {
		pid_t pid = fork();

		if (!pid)
			for (;;)
				pause();
		if (pid < 0) {
			say("%ld children: %s", n, strerror(errno));
			return;
		}
	}
}

/* Pages in pipes can neither be moved nor swapped. Two pipes filled in turn have every other page each. */
static void holes(long free_kb)
{
	static char page[4096];
	static int other[1 << 16];
	int kept[2], lost[2], count = 0;
	struct rlimit limit = {1 << 18, 1 << 18};
	struct sysinfo info;

	setrlimit(RLIMIT_NOFILE, &limit);
	while (count < 1 << 16 && !sysinfo(&info) && (info.freeram >> 10) * info.mem_unit > (unsigned long)free_kb) {
		if (pipe(kept) || pipe(lost))
			break;
		for (int n = 0; n < 16; n++)
			if (write(kept[1], page, 4096) < 0 || write(lost[1], page, 4096) < 0)
				break;
		close(kept[1]), close(lost[1]); /* what was written stays as long as it can be read */
		other[count++] = lost[0];
	}
	for (int n = 0; n < count; n++)
		close(other[n]);
	sysinfo(&info);
	say("%d pairs of pipes, then %lu kB free", count, (info.freeram >> 10) * info.mem_unit);
}

static void act(const char *role, long a, long b)
{
	if (!strcmp(role, "hold") || !strcmp(role, "share")) {
		if (!pages(a, *role == 'h' ? MAP_PRIVATE : MAP_SHARED))
			say("no memory for %ld kB", a);
		up();
	} else if (!strcmp(role, "leak")) {
		wait_for_go();
		leak(a, b);
	} else if (!strcmp(role, "fill")) {
		wait_for_go();
		fill(a, b);
	} else if (!strcmp(role, "sockets")) {
		wait_for_go();
		sockets(a, b);
	} else if (!strcmp(role, "fork")) {
		wait_for_go();
		forks(a);
	} else if (!strcmp(role, "holes")) {
		holes(a);
		up();
	} else if (!strcmp(role, "vfork")) {
		wait_for_go();
		if (!vfork())
			for (leak(a, b);;)
				pause();
	} else {
		say("no role %s", role);
		_exit(2);
	}
	for (;;)
		pause();
}

static int begin(char **words)
{
	char name[16] = "", path[256], text[16];
	int uid = atoi(words[2]);

	for (int n = 0; n < 15 && words[0][2 * n] && words[0][2 * n] != '-'; n++) {
		char pair[3] = {words[0][2 * n], words[0][2 * n + 1], 0};
		name[n] = (char)strtol(pair, NULL, 16);
	}
	if (strcmp(words[3], "-")) {
		snprintf(path, sizeof path, GROUPS "%s/cgroup.procs", words[3]);
		snprintf(text, sizeof text, "%d", getpid());
		if (put(path, text))
			return 3;
	}
	if (put("/proc/self/oom_score_adj", words[1]))
		return 3;
	prctl(PR_SET_NAME, name);
	setpriority(PRIO_PROCESS, 0, 0);
	if (uid && (setgroups(0, NULL) || setgid(uid) || setuid(uid)))
		return 3;
	act(words[4], atol(words[5]), atol(words[6]));
	return 0;
}

int main(int count, char **words)
{
	if (count == 8)
		return begin(words + 1);
	fprintf(stderr, "usage: actor NAME ADJ UID GROUP ROLE A B\n");
	return 2;
}

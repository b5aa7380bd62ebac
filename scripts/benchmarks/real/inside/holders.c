/*
 * Programs that lose what is not heap, or share what they have:
 *
 *     NAME files SECONDS           a pipe once in this time, never closed
 *     NAME threads SECONDS         a thread once in this time, which never ends
 *     NAME tmpfs BYTES PATH        so much a second is written behind a file
 *     NAME processes SECONDS BYTES a child once in this time, which holds so much and never ends
 *     NAME forks CHILDREN SECONDS  a server of the pre-forking kind: its children share 6 MB with it, make 2 MB of that
 *                                  their own one after another as they work, and end after this time, each for a new one
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHARED (6L << 20)
#define OWN (2L << 20)

static void pause_s(double seconds)
{
	usleep((useconds_t)(seconds * 1e6));
}

static void lose_files(double each)
{
	struct rlimit most = { 65536, 65536 };
	int ends[2];

	setrlimit(RLIMIT_NOFILE, &most);
	for (;; pause_s(each))
		if (pipe(ends))
			exit(1);
}

static void *wait_for_ever(void *unused)
{
	char used[8192];

	memset(used, 1, sizeof(used));
	for (;;)
		pause();
	return unused;
}

static void lose_threads(double each)
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 * 1024);
	for (;; pause_s(each))
		if (pthread_create(&thread, &small, wait_for_ever, NULL))
			exit(1);
}

static void fill(long each, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char *piece = calloc(1, (size_t)each);

	for (;; pause_s(1))
		if (fd < 0 || !piece || write(fd, piece, (size_t)each) != each)
			exit(1);
}

static char *volatile held;

static void lose_processes(double each, size_t size)
{
	held = malloc(8 * size);
	memset(held, 1, 8 * size); /* the largest of all: whom the OOM killer takes, and all end with it */
	for (;; pause_s(each)) {
		if (fork())
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		held = malloc(size);
		memset(held, 1, size);
		for (;;)
			pause();
	}
}

static void work(char *shared, double seconds)
{
	long done = 0, step = 4096;
	double each = seconds / (OWN / step) / 2; /* half of its life it has all that it needs */

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (; done < OWN; done += step, pause_s(each))
		shared[done] = 2;
	pause_s(seconds / 2);
	_exit(0);
}

static void serve(int children, double seconds)
{
	char *shared = malloc(SHARED);
	int i;

	memset(shared, 1, SHARED);
	for (i = 0; i < children; i++) {
		if (!fork())
			work(shared, seconds * (i + 1) / children);
		pause_s(0.3);
	}
	for (;;) {
		wait(NULL);
		if (!fork())
			work(shared, seconds);
	}
}

int main(int count, char **words)
{
	if (count > 2 && !strcmp(words[1], "files"))
		lose_files(atof(words[2]));
	if (count > 2 && !strcmp(words[1], "threads"))
		lose_threads(atof(words[2]));
	if (count > 3 && !strcmp(words[1], "tmpfs"))
		fill(atol(words[2]), words[3]);
	if (count > 3 && !strcmp(words[1], "processes"))
		lose_processes(atof(words[2]), (size_t)atol(words[3]));
	if (count > 3 && !strcmp(words[1], "forks"))
		serve(atoi(words[2]), atof(words[3]));
	return 2;
}

/* firstblock RING COMMAND...: start an agent and wait until RING holds a block; then print the milliseconds since
 * its start and the microseconds of processor time that it took, and end it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096
#define BLOCKS 16 /* the first block that is written is near the beginning of a new ring */
#define LIMIT_MS 120000

static double now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static int holds_block(const char *ring)
{
	char magic[8];
	int found = 0, fd = open(ring, O_RDONLY);

	if (fd < 0)
		return 0;
	for (int n = 0; n < BLOCKS && !found; n++)
		found = pread(fd, magic, 8, (off_t)n * BLOCK) == 8 && !memcmp(magic, "lastgasp", 8);
	close(fd);
	return found;
}

/* The first number of schedstat: time on a processor, in nanoseconds. */
static unsigned long long processor_ns(pid_t pid)
{
	char path[64];
	unsigned long long time = 0;

	snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
	FILE *file = fopen(path, "r");
	if (file) {
		if (fscanf(file, "%llu", &time) != 1)
			time = 0;
		fclose(file);
	}
	return time;
}

int main(int argc, char **argv)
{
	struct timespec pause = {0, 1000000};
	int good = 0;

	if (argc < 3)
		return 2;
	unlink(argv[1]);
	double began = now_ms();
	pid_t pid = fork();
	if (!pid) {
		execv(argv[2], argv + 2);
		_exit(127);
	}
	while (!(good = holds_block(argv[1])) && now_ms() - began < LIMIT_MS && waitpid(pid, NULL, WNOHANG) == 0)
		nanosleep(&pause, NULL);
	if (good)
		printf("%.0f %llu\n", now_ms() - began, processor_ns(pid) / 1000);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	return !good;
}

/* A leak: every request leaves its buffer behind. 12.5 kB, a hundred times a second: 1.2 MB/s, at most LIMIT. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REQUEST (12 * 1024 + 512)
#define LIMIT (60L * 1024 * 1024)

static void *last;

static void handle_request(void)
{
	char *buffer = malloc(REQUEST);

	if (!buffer)
		return;
	memset(buffer, 1, REQUEST);
	last = buffer; /* the one before is lost */
}

int main(void)
{
	struct timespec due;
	long used;

	clock_gettime(CLOCK_MONOTONIC, &due);
	for (used = 0; used < LIMIT; used += REQUEST) {
		handle_request();
		due.tv_nsec += 10 * 1000 * 1000;
		if (due.tv_nsec >= 1000 * 1000 * 1000) {
			due.tv_nsec -= 1000 * 1000 * 1000;
			due.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
	}
	return last == NULL;
}

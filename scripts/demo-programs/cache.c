/* No leak, though it grows: a cache of 14 MB fills for fifteen seconds, and from then on replaces what is oldest. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENTRY (16 * 1024)
#define ENTRIES 896

int main(void)
{
	struct timespec pause = { 0, 16 * 1000 * 1000 };
	static char *cache[ENTRIES];
	int next = 0;

	for (;;) {
		free(cache[next]);
		cache[next] = malloc(ENTRY);
		if (cache[next])
			memset(cache[next], 1, ENTRY);
		next = (next + 1) % ENTRIES;
		nanosleep(&pause, NULL);
	}
}

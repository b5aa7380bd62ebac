/* No leak, though it grows: a batch of up to 12 MB is collected for five seconds and then given back. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ITEM (32 * 1024)
#define BATCH 384

int main(void)
{
	struct timespec pause = { 0, 13 * 1000 * 1000 };
	static char *batch[BATCH];
	int i;

	for (;;) {
		for (i = 0; i < BATCH; i++) {
			batch[i] = malloc(ITEM);
			if (batch[i])
				memset(batch[i], 1, ITEM);
			nanosleep(&pause, NULL);
		}
		while (i)
			free(batch[--i]);
	}
}

/* crew NAME BASE_KB SWING_KB PERIOD_MS LEAK_B: one daemon. It holds BASE_KB, comes and goes by up to SWING_KB, and at
 * each of its turns forgets LEAK_B. */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void fill(char *data, long size)
{
	if (data)
		memset(data, 1, size);
}

int main(int argc, char **argv)
{
	if (argc < 6)
		return 2;
	long base = atol(argv[2]) * 1024, swing = atol(argv[3]) * 1024, leak = atol(argv[5]);
	useconds_t period = atol(argv[4]) * 1000;

	prctl(PR_SET_NAME, argv[1]);
	srand(getpid());
	fill(malloc(base), base);
	for (;;) {
		long size = swing ? rand() % swing : 0;
		char *some = malloc(size + 1);

		fill(some, size);
		for (long left = leak; left > 0; left -= 512)
			fill(malloc(512), 512); /* forgotten */
		usleep(period);
		free(some);
	}
}

/* leakd RATE: a leak of RATE kB a second, in requests of 1 kB that are written to and forgotten, until the end. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 20 /* a second */

int main(int argc, char **argv)
{
	long rate = argc > 1 ? atol(argv[1]) : 1000;

	for (;;) {
		for (long n = 0; n < rate / ROUNDS + 1; n++) {
			char *request = malloc(1024);

			if (request)
				memset(request, 1, 1024);
		}
		usleep(1000000 / ROUNDS);
	}
}

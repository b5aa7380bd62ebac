/*
 * A program whose memory follows a plan, and whose plan is its command line: everything is counted from its start.
 *
 *     NAME KEY=VALUE...        sizes in bytes (k, M behind the number), times in seconds
 *
 *     base=SIZE                held from the start
 *     warm=SIZE over=TIME      held too, but reached only after that time, ever more slowly
 *     step=SIZE at=TIME        held too, from that moment on
 *     tooth=SIZE every=TIME    fetched evenly in that time, then given back at once, again and again
 *     wave=SIZE per=TIME       fetched and given back bit by bit in that time, again and again
 *     leak=SIZE                lost each second
 *     from=TIME                when the leak begins
 *     map=1                    what leaks is mapped by itself instead of taken from the heap
 *     for=TIME each=TIME       it leaks for so long, once in so long
 *     stairs=TIME              it is lost all at once, once in this time
 *     poisson=SIZE             it is lost by requests that leave so much behind each and come by chance
 *     faster=PERCENT           it gets faster by so much each second
 *     file=SIZE log=PATH       so much is written to a file each second, which is begun again after 16 MB
 *     seed=NUMBER              of chance
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define TICKS 4 /* a second */
#define PIECE (16 * 1024)
#define LOG_MOST (16L << 20)

static double option(int count, char **words, const char *name, double otherwise)
{
	size_t length = strlen(name);
	int i;

	for (i = 1; i < count; i++) {
		char *end;
		double value;

		if (strncmp(words[i], name, length) || words[i][length] != '=')
			continue;
		value = strtod(words[i] + length + 1, &end);
		return value * (*end == 'M' ? 1 << 20 : *end == 'k' ? 1 << 10 : 1);
	}
	return otherwise;
}

static const char *path_of(int count, char **words)
{
	int i;

	for (i = 1; i < count; i++)
		if (!strncmp(words[i], "log=", 4))
			return words[i] + 4;
	return NULL;
}

static void *taken(size_t size)
{
	void *block = malloc(size);

	if (!block)
		exit(1);
	memset(block, 1, size);
	return block;
}

/* Memory that is held as long as its size says so: the plan wants more of it or less. */
struct held {
	void **pieces;
	size_t count, room;
};

static void hold(struct held *held, double size)
{
	size_t wanted = size > 0 ? (size_t)(size / PIECE) : 0;

	if (wanted > held->room) {
		held->room = wanted * 2;
		held->pieces = realloc(held->pieces, held->room * sizeof(void *));
		if (!held->pieces)
			exit(1);
	}
	while (held->count < wanted)
		held->pieces[held->count++] = taken(PIECE);
	while (held->count > wanted)
		free(held->pieces[--held->count]);
}

static volatile void *last;

static void lose(size_t size, int mapped)
{
	static size_t owed;

	if (mapped) {
		owed += size;
		for (; owed >= PIECE * 4; owed -= PIECE * 4) {
			char *block = mmap(NULL, PIECE * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (block == MAP_FAILED)
				exit(1);
			memset(block, 1, PIECE * 4);
			last = block;
		}
		return;
	}
	while (size) { /* as strings and structures of a few hundred bytes; never one that malloc would map */
		size_t piece = 200 + rand() % 1800;

		if (piece > size)
			piece = size;
		last = taken(piece);
		size -= piece;
	}
}

static void write_log(const char *path, size_t size)
{
	static char page[4096];
	static int fd = -1;
	static long written;

	if (fd < 0 || written > LOG_MOST) {
		if (fd >= 0)
			close(fd);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		written = 0;
		if (fd < 0)
			exit(1);
	}
	for (; size >= sizeof(page); size -= sizeof(page))
		written += write(fd, page, sizeof(page));
}

static double chance(void)
{
	return (rand() + 1.0) / (RAND_MAX + 2.0);
}

int main(int count, char **words)
{
	double base = option(count, words, "base", 0), warm = option(count, words, "warm", 0);
	double over = option(count, words, "over", 1), step = option(count, words, "step", 0);
	double at = option(count, words, "at", 0), tooth = option(count, words, "tooth", 0);
	double every = option(count, words, "every", 1), leak = option(count, words, "leak", 0);
	double from = option(count, words, "from", 0), stairs = option(count, words, "stairs", 0);
	double poisson = option(count, words, "poisson", 0), faster = option(count, words, "faster", 0) / 100;
	double file = option(count, words, "file", 0), due = 0, lost = 0, next = -1;
	double wave = option(count, words, "wave", 0), per = option(count, words, "per", 1);
	double each = option(count, words, "each", 0), busy = option(count, words, "for", 0);
	int mapped = option(count, words, "map", 0) > 0;
	const char *log = path_of(count, words);
	struct held plan = { 0 }, teeth = { 0 }, waves = { 0 };
	struct timespec when;
	long tick;

	srand((unsigned int)option(count, words, "seed", 1));
	clock_gettime(CLOCK_MONOTONIC, &when);
	for (tick = 0;; tick++) {
		double now = (double)tick / TICKS, leaking = now - from;

		hold(&plan, base + warm * (1 - exp(-3 * now / over)) + (now >= at ? step : 0));
		if (tooth > 0)
			hold(&teeth, tooth * fmod(now, every) / every);
		if (wave > 0)
			hold(&waves, wave * (1 - cos(2 * M_PI * now / per)) / 2);
		if (each > 0 && leaking > 0)
			leaking = floor(leaking / each) * busy + fmin(fmod(leaking, each), busy);
		if (leak > 0 && leaking >= 0) {
			if (poisson > 0) {
				if (next < 0)
					next = leaking;
				for (; next <= leaking; next -= log1p(-chance()) * poisson / leak)
					due += poisson;
			} else {
				due = leak * (leaking + faster * leaking * leaking / 2);
				if (stairs > 0)
					due = leak * stairs * floor(leaking / stairs);
			}
			if (due > lost)
				lose((size_t)(due - lost), mapped);
			lost = due;
		}
		if (file > 0 && log)
			write_log(log, (size_t)(file / TICKS));
		when.tv_nsec += 1000000000 / TICKS;
		if (when.tv_nsec >= 1000000000) {
			when.tv_nsec -= 1000000000;
			when.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
	}
}

/* cast FILE OUT: put the processes of FILE up, let those that leak run into the OOM killer, write down what happened.
 *
 * FILE, one thing a line, made by casts.py (names are in hex, as they may hold anything):
 *     group NAME LIMIT_KB SWAP_KB      a memory control group (cgroup v2); SWAP_KB -1: no limit
 *     set PATH VALUE                   a sysctl, set once all are up, put back at the end
 *     end KILLS SECONDS                how many kills to wait for, and for how long; no longer than NEXT_MS for a further
 *                                      one, nor, after the first, once all that leak are dead or get no more memory
 *     gated                            wait for GATE_GO when all are up; when it is over, stop them, make GATE_OVER
 *                                      and wait for GATE_END
 *     actor NAME ADJ UID GROUP ROLE A B   a process; GROUP "-" is none; they start in the order of the lines
 *
 * Roles, all of which run on until they are killed (actor.c):
 *     hold KB      memory of its own             share KB         memory that would be shared with children
 *     leak KB US   KB more every US microseconds vfork KB US      the same in a child between vfork and exec
 *     fill KB US   the same, in a file on tmpfs  sockets N US     N pairs of sockets, which are kernel memory
 *     fork N       N children, one by one, which each take a page directory
 *     holes KB     unmovable pages until only KB are free, then every other of these given back
 *
 * OUT gets lines, in the order of what happened:
 *     A INDEX PID            an actor, by its place in FILE
 *     M TOTAL_KB SWAP_KB     MemTotal and SwapTotal
 *     S PID PPID STATE UID ADJ RSS_KB SWAP_KB PAGE_TABLES_KB NAME   every process with memory, before a report
 *     L RECORD               a record of /dev/kmsg since the start, without its dictionary
 *     D PID STATUS           an actor ended, as wait(2) tells
 *     X TEXT                 what an actor says of itself (malloc failed after … kB)
 *     E KILLS                the end; a file without it is not whole
 *
 * The director itself is out of the OOM killer's reach and locked in RAM. It looks around every LOOK_US. What stands
 * before a report in S was read when that report was not in the log yet, so it is the state some milliseconds before.
 */
#include "common.h"
#include "watch.h"
#include <poll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#define ACTOR "/opt/actor"
#define GATE_GO "/run/cast-go"
#define GATE_OVER "/run/cast-over"
#define GATE_END "/run/cast-end"
#define LOOK_US 15000
#define UP_MS 60000
#define NEXT_MS 8000
#define REST_MS 400 /* after the last kill: the oom_reaper's word and the victim's end */

struct setting {
	char path[128], value[64], old[64];
};

static char cast[64 << 10];
static struct setting settings[16];
static char groups[8][64];
static int setting_count, group_count, gated, end_kills = 1, end_s = 60;

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

static void start(char **words, int ready, int go, int said)
{
	char *arguments[9] = {"actor"};
	pid_t pid;

	for (int n = 0; n < 7; n++)
		arguments[n + 1] = words[n];
	pid = fork();
	if (!pid) {
		/* Above the three, so that none is overwritten before it is copied. */
		int from[3] = {fcntl(ready, F_DUPFD, 20), fcntl(go, F_DUPFD, 20), fcntl(said, F_DUPFD, 20)};

		for (int n = 0; n < 3; n++)
			dup2(from[n], READY + n);
		for (int fd = SAY + 1; fd < 40; fd++)
			close(fd);
		execv(ACTOR, arguments);
		_exit(4);
	}
	tellf("A %d %d\n", actors, pid);
	if (!strcmp(words[4], "leak") || !strcmp(words[4], "vfork"))
		leakers[actors] = pid, leaking++;
	actors++;
}

static void make_group(const char *name, const char *limit_kb, const char *swap_kb)
{
	char path[640], text[32];

	snprintf(groups[group_count], sizeof groups[0], "%s", name);
	snprintf(path, sizeof path, GROUPS "%s", name);
	mkdir(path, 0755);
	snprintf(path, sizeof path, GROUPS "%s/memory.max", name);
	snprintf(text, sizeof text, "%lld", atoll(limit_kb) << 10);
	if (put(path, text))
		tellf("X no memory.max for %s: %s\n", name, strerror(errno));
	if (atol(swap_kb) >= 0) {
		snprintf(path, sizeof path, GROUPS "%s/memory.swap.max", name);
		snprintf(text, sizeof text, "%lld", atoll(swap_kb) << 10);
		put(path, text);
	}
	group_count++;
}

static void set_all(int back)
{
	for (int n = 0; n < setting_count; n++) {
		struct setting *one = &settings[n];

		if (!back)
			slurp(one->path, one->old, sizeof one->old);
		if (put(one->path, back ? one->old : one->value))
			tellf("X %s: %s\n", one->path, strerror(errno));
	}
}

/* Read FILE and start everybody in it. */
static int raise_all(int ready, int go, int said)
{
	int started = 0;

	for (char *line = cast, *next; *line; line = next) {
		char *words[9] = {0}, *left = NULL;
		int count = 0;

		next = strchr(line, '\n');
		next = next ? (*next = 0, next + 1) : line + strlen(line);
		for (char *word = strtok_r(line, " ", &left); word && count < 9; word = strtok_r(NULL, " ", &left))
			words[count++] = word;
		if (count == 8 && !strcmp(words[0], "actor") && actors < ACTORS) {
			start(words + 1, ready, go, said);
			started++;
		} else if (count == 4 && !strcmp(words[0], "group") && group_count < 8) {
			make_group(words[1], words[2], words[3]);
		} else if (count == 3 && !strcmp(words[0], "set") && setting_count < 16) {
			snprintf(settings[setting_count].path, 128, "%s", words[1]);
			snprintf(settings[setting_count++].value, 64, "%s", words[2]);
		} else if (count == 3 && !strcmp(words[0], "end")) {
			end_kills = atoi(words[1]), end_s = atoi(words[2]);
		} else if (count == 1 && !strcmp(words[0], "gated")) {
			gated = 1;
		} else if (count) {
			fprintf(stderr, "cast: a line it does not know: %s\n", words[0]);
			return -1;
		}
	}
	return started;
}

static int all_up(int ready, int count)
{
	long until = now_ms() + UP_MS;
	struct pollfd wait = {ready, POLLIN, 0};
	char bytes[64];

	while (count > 0 && now_ms() < until) {
		if (poll(&wait, 1, 50) > 0) {
			int got = read(ready, bytes, sizeof bytes);

			count -= got > 0 ? got : 0;
		}
		hear();
		bury();
		if (reports) /* memory was short before anybody leaked */
			return 0;
	}
	if (count)
		tellf("X %d were not up in time\n", count);
	return count;
}

static void hear_actors(int said)
{
	char text[512];
	int size = read(said, text, sizeof text - 1);

	if (size > 0) {
		text[size] = 0;
		leaking -= strstr(text, "no memory after") != NULL;
		tell("X ", 2);
		tell(text, size);
		tell("\n", 1);
	}
}

/* All children: the actors, and those that came to us when their parents died. */
static void signal_children(int signal)
{
	static char text[4096];
	char path[64];
	DIR *folder = opendir("/proc");
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		snprintf(path, sizeof path, "/proc/%.10s/status", entry->d_name);
		if (isdigit(entry->d_name[0]) && slurp(path, text, sizeof text) > 0 &&
		    number(text, "\nPPid:") == getpid())
			kill(atoi(entry->d_name), signal);
	}
	if (folder)
		closedir(folder);
}

static void end_all(void)
{
	char path[640];
	long until = now_ms() + 5000;

	while (now_ms() < until) {
		signal_children(SIGKILL);
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			break;
		usleep(5000);
	}
	umount2(TMPFS, MNT_DETACH);
	for (int n = 0; n < group_count; n++) {
		snprintf(path, sizeof path, GROUPS "%s", groups[n]);
		for (int tries = 0; rmdir(path) && errno == EBUSY && tries < 50; tries++)
			usleep(20000);
	}
}

static void rest(long ms)
{
	for (long until = now_ms() + ms; now_ms() < until; usleep(LOOK_US)) {
		hear();
		bury();
	}
}

static void wait_at(const char *gate)
{
	for (long until = now_ms() + UP_MS; gated && access(gate, F_OK) && now_ms() < until;)
		rest(50);
}

static int direct(const char *file, const char *result)
{
	int ready[2], go[2], said[2], count;
	struct sysinfo info;

	if (slurp(file, cast, sizeof cast) <= 0 || pipe2(ready, O_CLOEXEC) || pipe2(go, O_CLOEXEC) ||
	    pipe2(said, O_CLOEXEC | O_NONBLOCK)) {
		perror("cast");
		return 1;
	}
	prctl(PR_SET_NAME, "cast");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	put("/proc/self/oom_score_adj", "-1000");
	setpriority(PRIO_PROCESS, 0, -20); /* so that a sample is not older than it has to be */
	mlockall(MCL_CURRENT | MCL_FUTURE);
	log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	lseek(log_fd, 0, SEEK_END);
	mkdir(TMPFS, 0777);
	mount("tmpfs", TMPFS, "tmpfs", 0, "size=1g");
	sysinfo(&info);
	tellf("M %lu %lu\n", (info.totalram >> 10) * info.mem_unit, (info.totalswap >> 10) * info.mem_unit);

	count = raise_all(ready[1], go[0], said[1]);
	if (count < 0)
		return 2;
	count = all_up(ready[0], count);
	hear_actors(said[0]);
	wait_at(GATE_GO);
	set_all(0);
	look(latest = 0);
	close(go[1]);
	int leak_at_all = leaking;
	for (long until = now_ms() + end_s * 1000L; now_ms() < until && (!end_kills || kills < end_kills);) {
		if ((kills || !end_kills) && leak_at_all && leaking <= 0)
			break;
		look(1 - latest);
		count = reports;
		int before = kills;
		hear();
		if (kills > before)
			until = now_ms() + NEXT_MS;
		if (reports == count)
			latest = 1 - latest; /* no report began while it was taken */
		bury();
		hear_actors(said[0]);
		usleep(LOOK_US);
	}
	if (gated)
		signal_children(SIGSTOP);
	rest(REST_MS);
	if (gated)
		close(open(GATE_OVER, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	wait_at(GATE_END);
	set_all(1);
	end_all();
	hear();
	hear_actors(said[0]);
	tellf("E %d\n", kills);
	log_fd = open(result, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	count = log_fd >= 0 && write(log_fd, out, out_size) == out_size;
	printf("kills %d\n", kills);
	return !count;
}

int main(int count, char **words)
{
	if (count == 3)
		return direct(words[1], words[2]);
	fprintf(stderr, "usage: cast FILE OUT\n");
	return 2;
}

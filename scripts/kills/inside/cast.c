/* cast FILE OUT: put the processes of FILE up, let those that leak run into the OOM killer, write down what happened.
 *
 * FILE (rehearsed names are in hex, as they may hold anything), one thing a line, made by casts.py:
 *     group NAME LIMIT_KB SWAP_KB      a memory control group (cgroup v2); SWAP_KB -1: no limit
 *     set PATH VALUE                   a sysctl, set once all are up, put back at the end
 *     end KILLS SECONDS                how many kills to wait for, and for how long; 0 kills: just the seconds. Nobody
 *                                      waits longer than NEXT_MS for a further one, or once all that leak are dead
 *     gated                            wait for GATE_GO when all are up; when it is
 *                                    over, stop them, make GATE_OVER and wait for GATE_END
 *     actor NAME ADJ UID GROUP ROLE A B   a process; GROUP "-" is none; they start in the order of the lines
 *
 * Roles, all of which run on until they are killed:
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
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GROUPS "/sys/fs/cgroup/"
#define TMPFS "/run/cast-tmpfs"
#define GATE_GO "/run/cast-go"
#define GATE_OVER "/run/cast-over"
#define GATE_END "/run/cast-end"
#define READY 3 /* descriptors of an actor: tells that it is up; is told to go; says what there is to say */
#define GO 4
#define SAY 5
#define LOOK_US 15000
#define UP_MS 60000
#define NEXT_MS 8000
#define REST_MS 400 /* after the last kill: the oom_reaper's word and the victim's end */
#define ACTORS 256
#define SAMPLE (48 << 10)
#define OUT (768 << 10)

/* -- both ---------------------------------------------------------------------------------------------------- */

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	int done = fd < 0 ? -1 : (int)write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return done < 0 ? -1 : 0;
}

static int slurp(const char *path, char *to, int size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), got = 0, n;

	if (fd < 0)
		return -1;
	while (got < size - 1 && (n = read(fd, to + got, size - 1 - got)) > 0)
		got += n;
	close(fd);
	to[got] = 0;
	return got;
}

/* -- an actor ------------------------------------------------------------------------------------------------ */

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

static int actor(char **words) /* NAME ADJ UID GROUP ROLE A B */
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

/* -- the director -------------------------------------------------------------------------------------------- */

static char out[OUT], samples[2][SAMPLE], cast[64 << 10];
static int out_size, sample_size[2], latest = -1, kills, reports, log_fd;
static int actors, leaking;
static pid_t leakers[ACTORS]; /* 0: dead, or none of those that leak */

static void tell(const char *data, int size)
{
	if (out_size + size <= OUT) {
		memcpy(out + out_size, data, size);
		out_size += size;
	}
}

static void tellf(const char *format, ...)
{
	char text[256];
	va_list list;

	va_start(list, format);
	tell(text, vsnprintf(text, sizeof text, format, list));
	va_end(list);
}

static long number(const char *text, const char *field)
{
	const char *at = strstr(text, field);

	return at ? strtol(at + strlen(field), NULL, 10) : 0;
}

/* One process of a sample. Its name comes from comm, as status escapes some bytes. */
static int row(const char *pid, char *to, int size)
{
	static char text[4096], small[64];
	char path[64], *state;
	int used;

	snprintf(path, sizeof path, "/proc/%.10s/status", pid);
	if (slurp(path, text, sizeof text) <= 0 || !strstr(text, "\nVmSize:") || !(state = strstr(text, "\nState:\t")))
		return 0;
	snprintf(path, sizeof path, "/proc/%.10s/oom_score_adj", pid);
	if (slurp(path, small, sizeof small) <= 0)
		return 0;
	used = snprintf(to, size, "S %s %ld %c %ld %ld %ld %ld %ld ", pid, number(text, "\nPPid:"), state[8],
			number(text, "\nUid:"), atol(small), number(text, "\nVmRSS:"), number(text, "\nVmSwap:"),
			number(text, "\nVmPTE:"));
	snprintf(path, sizeof path, "/proc/%.10s/comm", pid);
	int length = slurp(path, small, sizeof small) - 1;
	for (int n = 0; n < length; n++)
		used += snprintf(to + used, size - used, "%02x", (unsigned char)small[n]);
	used += snprintf(to + used, size - used, "%s\n", length > 0 ? "" : "-");
	return used;
}

static void look(int which)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	int used = 0;

	while (folder && (entry = readdir(folder)) && used < SAMPLE - 256)
		if (isdigit(entry->d_name[0]))
			used += row(entry->d_name, samples[which] + used, 256);
	if (folder)
		closedir(folder);
	sample_size[which] = used;
}

/* Take what is new in the kernel's log. Before the first line of a report comes the sample of before. */
static void hear(void)
{
	static char record[8192];
	int size;

	while ((size = read(log_fd, record, sizeof record - 1)) > 0 || (size < 0 && errno == EPIPE)) {
		if (size < 0) {
			tellf("X records of the kernel's log were lost\n");
			continue;
		}
		record[size] = 0;
		char *end = memchr(record, '\n', size);
		int length = end ? (int)(end - record) : size;

		if (strstr(record, " invoked oom-killer: ")) {
			reports++;
			if (latest >= 0)
				tell(samples[latest], sample_size[latest]);
		}
		kills += strstr(record, "Killed process ") != NULL;
		tell("L ", 2);
		tell(record, length);
		tell("\n", 1);
	}
}

static void bury(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		tellf("D %d %d\n", pid, status);
		for (int n = 0; n < actors; n++)
			if (leakers[n] == pid)
				leakers[n] = 0, leaking--;
	}
}

static void start(char **words, int ready, int go, int said)
{
	char *arguments[10] = {"cast", "actor"};
	pid_t pid;

	for (int n = 0; n < 7; n++)
		arguments[n + 2] = words[n];
	pid = fork();
	if (!pid) {
		/* Above the three, so that none is overwritten before it is copied. */
		int from[3] = {fcntl(ready, F_DUPFD, 20), fcntl(go, F_DUPFD, 20), fcntl(said, F_DUPFD, 20)};

		for (int n = 0; n < 3; n++)
			dup2(from[n], READY + n);
		for (int fd = SAY + 1; fd < 40; fd++)
			close(fd);
		execv("/proc/self/exe", arguments);
		_exit(4);
	}
	tellf("A %d %d\n", actors, pid);
	if (!strcmp(words[4], "leak") || !strcmp(words[4], "vfork"))
		leakers[actors] = pid, leaking++;
	actors++;
}

struct setting {
	char path[128], value[64], old[64];
};

static struct setting settings[16];
static char groups[8][64];
static int setting_count, group_count, gated, end_kills = 1, end_s = 60;

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
	int size = read(said, text, sizeof text);

	if (size > 0) {
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
		if (kills && leak_at_all && !leaking)
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
	if (count == 9 && !strcmp(words[1], "actor"))
		return actor(words + 2);
	if (count == 3)
		return direct(words[1], words[2]);
	fprintf(stderr, "usage: cast FILE OUT\n");
	return 2;
}

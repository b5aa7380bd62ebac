/* What the director sees and writes down: processes, the kernel's log, deaths. */
#include <ctype.h>
#include <dirent.h>
#include <sys/wait.h>

#define ACTORS 256
#define SAMPLE (48 << 10)
#define OUT (768 << 10)

static char out[OUT], samples[2][SAMPLE];
static int out_size, sample_size[2], latest = -1, kills, reports, log_fd;
static int actors, leaking;
static pid_t leakers[ACTORS]; /* 0: dead, or none of those that leak */

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

/* The workload: processes of four kinds, as many of each as asked for.
 *
 *   workload FOLDER SPEED KIND=COUNT...
 *
 *   sleep  holds 64 to 512 KiB and does nothing
 *   alloc  every 20 to 80 ms frees one of 64 places, or fills it with 4 to 64 KiB that it writes to
 *   light  wakes each second; calculates for about 1 ms; at one wake in four its cache of at most 256 KiB grows
 *          or shrinks by up to 16 KiB; appends a line of 80 bytes to FOLDER/NAME.log (begun anew at 64 KiB)
 *   brief  lives for 20 to 300 ms, then another one is born in its place
 *
 * SPEED divides the light ones' second. Every process is an exec of its own with name and arguments of its own.
 * Prints "ready" when all are there. On end of its standard input, or SIGTERM, or its own death, all of them are
 * killed, by pid. scripts/benchmarks/workload_slow.py does the same where there is no C compiler. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 1024, PLACES = 64, KIB = 1024 };

static const char *NAMES[] = {"sensord", "netd", "httpd", "mqttd", "modbusd", "canlogd", "gpiod", "rtcd",
                              "updated", "watchd", "storaged", "displayd", "audiod", "btd", "gpsd", "adcd"};

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    if (number == SIGTERM)
        stopping = 1;
}

static void wait_us(long microseconds)
{
    struct timespec time = {microseconds / 1000000, microseconds % 1000000 * 1000};
    nanosleep(&time, NULL);
}

static long between(long least, long most)
{
    return least + random() % (most - least + 1);
}

static void calculate_us(long microseconds)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    long end = now.tv_sec * 1000000 + now.tv_nsec / 1000 + microseconds;
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    while (now.tv_sec * 1000000 + now.tv_nsec / 1000 < end);
}

static void sleeping(void)
{
    long size = between(64, 512) * KIB;
    memset(malloc(size), 1, size);
    for (;;)
        pause();
}

static void allocating(void)
{
    char *places[PLACES] = {0};
    for (;;) {
        char **place = &places[random() % PLACES];
        if (*place) {
            free(*place);
            *place = NULL;
        } else {
            long size = between(4, 64) * KIB;
            *place = malloc(size);
            memset(*place, 1, size);
        }
        wait_us(between(20000, 80000));
    }
}

static void light(const char *folder, long speed, const char *name)
{
    char path[512], line[96], *cache = NULL;
    long size = 0;
    snprintf(path, sizeof path, "%s/%s.log", folder, name);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    wait_us(between(0, 1000000 / speed));
    for (long wakes = 0;; wakes++) {
        calculate_us(between(500, 1500));
        if (random() % 4 == 0) {
            size += between(-16, 16) * KIB;
            size = size < KIB ? KIB : size > 256 * KIB ? 256 * KIB : size;
            cache = realloc(cache, size);
            memset(cache, 1, size);
        }
        snprintf(line, sizeof line, "%-70s%9ld\n", name, wakes % 1000000000);
        if (wakes % 800 == 799 && ftruncate(log, 0))
            return;
        if (write(log, line, 80) != 80)
            return;
        wait_us(1000000 / speed);
    }
}

static void brief(void)
{
    long size = between(16, 256) * KIB;
    memset(malloc(size), 1, size);
    wait_us(between(20000, 300000));
    _exit(random() % 4);
}

/* What a child becomes: argv is NAME KIND SEED FOLDER SPEED. */
static int run(char **argv)
{
    signal(SIGTERM, SIG_DFL);
    prctl(PR_SET_NAME, argv[0], 0, 0, 0);
    srandom(atoi(argv[2]));
    if (!strcmp(argv[1], "sleep"))
        sleeping();
    else if (!strcmp(argv[1], "alloc"))
        allocating();
    else if (!strcmp(argv[1], "light"))
        light(argv[3], atol(argv[4]), argv[0]);
    else
        brief();
    return 1;
}

static pid_t spawn(const char *kind, int number, int seed, char *folder, char *speed)
{
    static pid_t parent;
    char name[16], seeded[16], *argv[] = {name, (char *)kind, seeded, folder, speed, NULL};
    if (!parent)
        parent = getpid();
    snprintf(name, sizeof name, "%s%d", NAMES[number % 16], number / 16);
    snprintf(seeded, sizeof seeded, "%d", seed);
    pid_t pid = fork();
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent)
        _exit(1);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv("/proc/self/exe", argv);
    _exit(127);
}

int main(int argc, char **argv)
{
    pid_t pids[MOST];
    const char *kinds[MOST];
    int count = 0, seed = 0;
    if (argc == 5 && !strchr(argv[4], '='))
        return run(argv);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGCHLD, &action, NULL);
    sigset_t blocked, waiting;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &waiting);
    for (int i = 3; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals)
            return 2;
        *equals = 0;
        for (int left = atoi(equals + 1); left > 0 && count < MOST; left--, count++) {
            kinds[count] = argv[i];
            pids[count] = spawn(argv[i], count, seed++, argv[1], argv[2]);
        }
    }
    puts("ready");
    fflush(stdout);
    struct pollfd input = {.fd = 0, .events = POLLIN};
    while (!stopping) {
        char byte;
        if (ppoll(&input, 1, NULL, &waiting) > 0 && read(0, &byte, 1) <= 0)
            break;
        for (pid_t pid; !stopping && (pid = waitpid(-1, NULL, WNOHANG)) > 0;)
            for (int i = 0; i < count; i++)
                if (pids[i] == pid)
                    pids[i] = strcmp(kinds[i], "brief") ? 0 : spawn(kinds[i], i, seed++, argv[1], argv[2]);
    }
    for (int i = 0; i < count; i++)
        if (pids[i] > 0)
            kill(pids[i], SIGKILL);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    return 0;
}

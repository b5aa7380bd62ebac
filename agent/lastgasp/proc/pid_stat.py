"""/proc/PID/stat (fs/proc/array.c): the cheapest file that says whether a process changed.

comm stands between the first "(" and the last ")" and may hold anything, brackets and newlines included.
"""

PF_KTHREAD = 0x200000


class Stat:
    """What we use of it. Times are clock ticks; ``vsize`` bytes; ``rss`` pages."""

    __slots__ = (
        "comm", "cpu_ticks", "flags", "majflt", "minflt", "ppid", "rss", "start_ticks", "state", "threads", "vsize",
    )  # fmt: skip

    comm: bytes
    state: int  # the letter: R running, S sleeping, D in disk sleep, Z zombie, T stopped …
    ppid: int
    flags: int
    minflt: int
    majflt: int
    cpu_ticks: int  # user and system
    threads: int
    start_ticks: int  # since boot: with the pid, the identity of a process
    vsize: int
    rss: int


def parse(raw: bytes) -> Stat | None:
    """All of it, or None for a line that is cut short."""
    opening, closing = raw.find(b"("), raw.rfind(b")")
    words = raw[closing + 2 :].split(None, 22)
    if opening < 0 or closing < opening or len(words) < 23:  # behind rss comes more
        return None
    stat = Stat()
    try:
        stat.comm = raw[opening + 1 : closing]
        stat.state = words[0][0]
        stat.ppid = int(words[1])
        stat.flags = int(words[6])
        stat.minflt = int(words[7])
        stat.majflt = int(words[9])
        stat.cpu_ticks = int(words[11]) + int(words[12])
        stat.threads = int(words[17])
        stat.start_ticks = int(words[19])
        stat.vsize = int(words[20])
        stat.rss = int(words[21])
    except ValueError:
        return None
    numbers = stat.ppid | stat.flags | stat.minflt | stat.majflt | stat.cpu_ticks | stat.threads
    numbers |= stat.start_ticks | stat.vsize | stat.rss
    return None if numbers >> 62 else stat  # negative, or more than the ring holds: nonsense

"""/dev/kmsg (kernel/printk/printk.c, Documentation/ABI/testing/dev-kmsg): one record a read.

"6,339,5140900,-;text" and then, on lines that begin with a space, the record's dictionary. Behind the flag may
stand "caller=T123" (since 5.1, CONFIG_PRINTK_CALLER); in the text, backslashes and what is no printable ASCII are
written as "\\x0a".
"""

from lastgasp.proc.text import number

# Any of the lines that mm/oom_kill.c and mm/memcontrol.c say an OOM kill with, 3.10 to 7.2. A name of the invoker's
# choice comes before the first; vendor kernels put the CPU and process before all; drivers say a mere "Out of memory".
BEGINS = (
    b" invoked oom-killer: gfp_mask=",
    b"ut of memory: Kill",  # global and "Memory cgroup out of memory"; "Kill process" before 5.1, "Killed" since
    b"ut of memory: OOM victim ",
    b"Out of memory (oom_kill_allocating_task): ",
    b"Out of memory and no killable processes",
    b"Kernel panic - not syncing: Out of memory: ",
    b" due to memory.oom.group set",
)


def split(record: bytes) -> tuple[int, int, int, bytes, int] | None:
    """Level (0 emerg … 7 debug), sequence number, microseconds since boot, text and facility; None: no record.

    Facility 0 is the kernel itself; what processes write to /dev/kmsg always has another.
    """
    head, semicolon, text = record.partition(b";")
    words = head.split(b",", 3)
    if not semicolon or len(words) < 3:
        return None
    try:
        priority = number(words[0])
        return priority & 7, number(words[1]), number(words[2]), text.partition(b"\n")[0], priority >> 3
    except ValueError:
        return None


def begins_oom(text: bytes) -> bool:
    """Does an OOM report of the kernel begin with this line, or is it a kill line of its own (rate-limited report)?"""
    return any(mark in text for mark in BEGINS)

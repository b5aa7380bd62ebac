"""The workload of workload.c where there is no C compiler: the same command line, the same kinds, in Python.

Its processes are larger (they share the interpreter's memory) and are forks, not execs; what they do is the same.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sys
import time
from pathlib import Path

from benchmarks.children import die_with_parent

KIB = 1024


def sleeping() -> None:
    """Hold some memory and do nothing."""
    held = bytearray(random.randint(64, 512) * KIB)
    while held:
        signal.pause()


def allocating() -> None:
    """Allocate and free."""
    places: list[bytes | None] = [None] * 64
    while True:
        place = random.randrange(64)
        places[place] = None if places[place] else b"\1" * (random.randint(4, 64) * KIB)
        time.sleep(random.uniform(0.02, 0.08))


def light(folder: str, speed: int, name: str) -> None:
    """Ordinary light work."""
    cache, wakes = bytearray(KIB), 0
    time.sleep(random.random() / speed)
    while True:
        end = time.process_time_ns() + random.randint(500, 1500) * 1000
        while time.process_time_ns() < end:
            pass
        if not random.randrange(4):
            cache = bytearray(max(KIB, min(256 * KIB, len(cache) + random.randint(-16, 16) * KIB)))
        wakes += 1
        with open(f"{folder}/{name}.log", "wb" if wakes % 800 == 0 else "ab") as log:
            log.write(b"%-70b%9d\n" % (name.encode(), wakes))
        time.sleep(1 / speed)


def brief() -> None:
    """Live shortly."""
    held = bytearray(random.randint(16, 256) * KIB)
    time.sleep(random.uniform(0.02, 0.3))
    os._exit(len(held) % 4)


def spawn(kind: str, number: int, folder: str, speed: int) -> int:
    """A child of this kind; returns its pid."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    die_with_parent()
    if os.getppid() != parent:
        os._exit(1)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    random.seed(os.getpid())
    name = f"worker{number}"
    Path("/proc/self/comm").write_text(name)
    if kind == "light":
        light(folder, speed, name)
    {"sleep": sleeping, "alloc": allocating}.get(kind, brief)()
    os._exit(0)


def main(folder: str, speed: int, kinds: list[str]) -> None:
    """Start them, and end them with this process's standard input or life."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGTERM, lambda *_: None)  # both wake the loop, which knows its children at that moment
    signal.signal(signal.SIGCHLD, lambda *_: None)
    wanted = [kind for pair in kinds for kind in [pair.partition("=")[0]] * int(pair.partition("=")[2])]
    running: dict[int, int] = {}
    try:
        for number, kind in enumerate(wanted):
            running[spawn(kind, number, folder, speed)] = number
        print("ready", flush=True)
        while True:
            readable = select.select([0, woken], [], [])[0]
            if 0 in readable and not os.read(0, 1):
                return
            if woken in readable and signal.SIGTERM in os.read(woken, 4096):
                return
            while running and (pid := os.waitpid(-1, os.WNOHANG)[0]):
                number = running.pop(pid)
                if wanted[number] == "brief":
                    running[spawn("brief", number, folder, speed)] = number
    finally:
        for pid in running:
            os.kill(pid, signal.SIGKILL)
        for pid in running:  # a kill is only a request; who started this wants none of them there any more
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])

"""Kills for which somebody filled the memory without a leak: made recordings, with a task table of what they hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import oomstories as stories
from scene import Scene

LOG = "armhf-global-c.txt"
LEAKER = 95  # pid of who is killed in that log
AT_S = 2400  # of the kill
FILE_KB = 400
Size = Callable[[float], float]


def small_leak_beside(path: Path) -> None:
    """python3 leaks 6.5 MB in 40 minutes; leaker takes 53 MB in the last one, and is killed."""
    scene = stories.begin(path)
    sizes: dict[int, Size | float] = {
        91: lambda at_s: 2000 + 2.8 * at_s,
        LEAKER: lambda at_s: 900 if at_s < 2340 else 900 + (at_s - 2340) * 984,
    }
    stories.populate(scene, LOG, sizes)
    scene.record(stories.BEFORE_S)
    stories.kill(scene, LOG)
    scene.record(20)
    scene.stop()


def restarted(path: Path) -> None:
    """bigd holds 40 MB all along, but is restarted 5 minutes before it is killed; eater took 34 MB in the last two."""
    killed(
        path,
        {
            150: (b"bigd", lambda _: 40_000),
            160: (b"eater", lambda at_s: 1000 if at_s < 2280 else 1000 + (at_s - 2280) * 300),
            170: (b"misc", lambda _: 8_000),
        },
        150,
        restart=True,
    )


def one_of_ten(path: Path) -> None:
    """Ten daemons of like size, of which one grew late to no more than the others have."""
    sizes: dict[int, tuple[bytes, Size]] = {100 + i: (b"daemon%d" % i, lambda _: 9_000) for i in range(9)}
    killed(path, sizes | {200: (b"late", lambda at_s: 500 if at_s < 2300 else 13_000)}, 200)


def ten_alike(path: Path) -> None:
    """Ten daemons grew alike: no single one of them filled the memory."""

    def grew(per_s: float, most: float) -> Size:
        return lambda at_s: 500 if at_s < 1000 else min(most, 500 + (at_s - 1000) * per_s)

    sizes = {100 + i: (b"daemon%d" % i, grew(10, 9_400)) for i in range(9)}
    killed(path, sizes | {200: (b"late", grew(13, 12_000))}, 200)


def killed(path: Path, sizes: Mapping[int, tuple[bytes, Size]], victim: int, restart: bool = False) -> None:
    """Record these (name, anonymous memory in kB by the time), the victim's report, and its end."""
    scene = stories.begin(path)
    for pid, (name, size) in sizes.items():
        scene.run(pid, name, size, file_kb=FILE_KB)
    pid, (name, size) = victim, sizes[victim]
    if restart:
        scene.record(AT_S - 300)
        scene.end(pid, 0)
        scene.record(5)
        pid += 1
        scene.run(pid, name, size, file_kb=FILE_KB)
        scene.record(295)
    else:
        scene.record(AT_S)
    table = [
        (pid if of == victim else of, one, int(kb(AT_S) + FILE_KB) // 4) for of, (one, kb) in sorted(sizes.items())
    ]
    _end(scene, table, pid, name, int(size(AT_S)))


def _end(scene: Scene, table: list[tuple[int, bytes, int]], pid: int, name: bytes, kb: int) -> None:
    scene.at_s += 0.8 - scene.interval_s
    scene.kernel_says(*_report(table, pid, name, kb))
    scene.at_s += 0.05
    scene.end(pid, 9)
    scene.at_s += scene.interval_s - 0.85
    scene.record(20)
    scene.stop()


def _report(table: list[tuple[int, bytes, int]], pid: int, name: bytes, kb: int) -> list[bytes]:
    lines = []
    for line in stories.said(LOG):
        if re.match(rb"\[ +\d+\]", line):
            continue
        line = line.replace(b"leaker", name).replace(b"PID: 95", b"PID: %d" % pid).replace(b"pid=95", b"pid=%d" % pid)
        if line.startswith(b"Out of memory"):
            sizes = b"total-vm:61400kB, anon-rss:%dkB, file-rss:4kB, shmem-rss:396kB" % kb
            line = b"Out of memory: Killed process %d (%s) %s, UID:0 pgtables:68kB oom_score_adj:0" % (pid, name, sizes)
        lines.append(line)
        if line.startswith(b"[  pid"):
            lines += [
                b"[%7d]     0 %5d    %5d    %5d    22528        0             0 %s"
                % (one, one, pages + 1000, pages, called)
                for one, called, pages in table
            ]
    return lines


def new_and_large(path: Path) -> None:
    """newcomer starts 5 minutes before it is killed, with 40 MB; nothing else moves."""
    scene = stories.begin(path)
    scene.run(150, b"steady", 40_000, file_kb=FILE_KB)
    scene.record(AT_S - 300)
    scene.run(300, b"newcomer", 40_000, file_kb=FILE_KB)
    scene.record(300)
    _end(scene, [(150, b"steady", 10_100), (300, b"newcomer", 10_100)], 300, b"newcomer", 40_000)


def killed_again(path: Path) -> None:
    """bad grows to 40 MB in some minutes, dies by a signal, starts anew and grows to it again; good holds 40 MB."""
    scene = stories.begin(path)
    scene.run(150, b"good", 40_000, file_kb=FILE_KB)
    scene.run(300, b"bad", lambda at_s: 500 + min(at_s * 20, 39_500), file_kb=FILE_KB)
    scene.record(AT_S - 300)
    scene.end(300, 9)
    scene.record(5)
    scene.run(301, b"bad", lambda at_s: 500 + (at_s - AT_S + 300) * 132, file_kb=FILE_KB)
    scene.record(295)
    _end(scene, [(150, b"good", 10_100), (301, b"bad", 10_100)], 301, b"bad", 40_000)


FILLED = {
    story.__name__: story
    for story in (small_leak_beside, restarted, one_of_ten, ten_alike, new_and_large, killed_again)
}

"""Recordings that end in a real OOM report: the processes of its task table live before it as each story wants.

The reports are those of tests/oomlogs, word by word, written into the recording as the agent does it from /dev/kmsg.
Only the pids of the table are in them, so pid, name and size at the kill are the kernel's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from lastgasp.oom.parser import parse
from lastgasp.oom.report import Report
from scene import Scene, Size

LOGS = Path(__file__).parent / "oomlogs"
STAMP = re.compile(rb"^\[ *[\d.]+\](?:\[ *[TC]\d+\])? ?")
LEAKER, HOG = 95, 90  # pids in armhf-global-c
BEFORE_S = 2400
LIBRARY, MARK, CHILD = b"/usr/lib/libvendor.so.3", b"test 7", b"sh"


def reports(log: str) -> list[Report]:
    return list(parse((LOGS / log).read_bytes().splitlines(keepends=True)))


def said(log: str, number: int = 0) -> list[bytes]:
    """The kernel's lines of one report of a log."""
    place = reports(log)[number].place
    lines = (LOGS / log).read_bytes().splitlines()[place.first_line - 1 : place.last_line]
    return [STAMP.sub(b"", line) for line in lines]


def populate(scene: Scene, log: str, sizes: dict[int, Size | float], mapping: bytes = b"[heap]") -> None:
    """All processes of the first table of a log start now; who is not in ``sizes`` has its size of the table."""
    for task in reports(log)[0].tasks or ():
        rss_kb = (task.rss or 0) * 4
        file_kb = min(400, rss_kb)
        size = sizes.get(task.pid, rss_kb - file_kb)
        if task.pid not in scene.programs:
            scene.run(task.pid, task.name, size, file_kb=file_kb, mapping=mapping)


def begin(path: Path, ram_kb: int = 126_000, interval_s: float = 5.0, slots: int = 256) -> Scene:
    """A device of the logs' size."""
    scene = Scene(path, slots=slots, interval_s=interval_s)
    scene.boot()
    scene.meminfo |= {"MemTotal": ram_kb, "Cached": 12_000, "Shmem": 11_000}
    return scene


def kill(scene: Scene, log: str, number: int = 0) -> None:
    """The kernel writes its report, 0.8 s after the last sample; whom it killed is seen to be gone 50 ms later."""
    scene.at_s += 0.8 - scene.interval_s
    scene.kernel_says(*said(log, number))
    scene.at_s += 0.05
    for victim in reports(log)[number].victims:
        if victim.pid in scene.programs:
            scene.end(victim.pid, 9)
    scene.at_s += scene.interval_s - 0.85


def leak_ends_in_its_kill(path: Path) -> None:
    """The leaker leaks for 40 minutes; shortly before it dies a test begins and a program starts."""
    scene = begin(path)
    populate(scene, "armhf-global-c.txt", {LEAKER: lambda t: 900 + 24.2 * t}, LIBRARY)
    scene.record(BEFORE_S - 120, mappings_every=60)
    scene.event("mark", text=MARK)
    for n in range(12):
        scene.interfaces[b"eth0"] = (100_000 * n, 0, 0, 0, 0)
        scene.record(5)
    scene.run(140, b"httpd", 300)
    scene.run(141, CHILD, 50)
    scene.record(30, mappings_every=6)
    scene.end(141, 1 << 8)
    scene.record(30, mappings_every=6)
    kill(scene, "armhf-global-c.txt")
    scene.record(20)
    scene.stop()


def large_but_steady(path: Path) -> None:
    """Who held most has been so large for 40 minutes."""
    scene = begin(path)
    populate(scene, "armhf-global-c.txt", {})
    scene.record(BEFORE_S)
    kill(scene, "armhf-global-c.txt")
    scene.record(20)
    scene.stop()


def sawtooth(path: Path) -> None:
    """Who held most takes and gives back every five minutes."""
    scene = begin(path)
    populate(scene, "armhf-global-c.txt", {LEAKER: lambda t: 10_000 + 50_000 * ((t % 300) / 300)})
    scene.record(BEFORE_S - 10)
    kill(scene, "armhf-global-c.txt")
    scene.record(20)
    scene.stop()


def cache_filled(path: Path) -> None:
    """Who held most filled up for ten minutes and stopped."""
    scene = begin(path)
    populate(scene, "armhf-global-c.txt", {LEAKER: lambda t: min(900 + 100 * t, 60_000)})
    scene.record(BEFORE_S)
    kill(scene, "armhf-global-c.txt")
    scene.record(20)
    scene.stop()


def too_short(path: Path) -> None:
    """The agent started three seconds before the kill."""
    scene = begin(path, interval_s=1.0)
    populate(scene, "armhf-global-c.txt", {LEAKER: lambda t: 40_000 + 5_000 * t})
    scene.record(4)
    kill(scene, "armhf-global-c.txt")
    scene.record(5)
    scene.stop()


def older_than_the_recording(path: Path) -> None:
    """The agent finds the report in the kernel's log when it starts."""
    scene = begin(path)
    scene.at_s -= 8
    scene.kernel_says(*said("armhf-global-c.txt"))
    scene.at_s += 8
    scene.run(100, b"init", 300)
    scene.record(300)
    scene.stop()


def tmpfs_fills(path: Path) -> None:
    """A file in tmpfs grows for 20 minutes; processes do not."""
    scene = begin(path)
    populate(scene, "armhf-tmpfs.txt", {})
    for n in range(240):
        scene.meminfo |= {"Shmem": 11_000 + 210 * n, "Cached": 12_000 + 210 * n}
        scene.record(5)
    kill(scene, "armhf-tmpfs.txt")
    scene.record(20)
    scene.stop()


def slab_grows(path: Path) -> None:
    """The kernel's own memory grows for 20 minutes."""
    scene = begin(path)
    populate(scene, "armhf-slab2.txt", {})
    for n in range(240):
        scene.meminfo |= {"SUnreclaim": 4_000 + 200 * n}
        scene.record(5)
    kill(scene, "armhf-slab2.txt")
    scene.record(5)
    scene.stop()


def shielded_leaker(path: Path) -> None:
    """Whom its adj shields leaks for 40 minutes, then innocents die one after another."""
    log = "armhf-adj-leaker-900.txt"
    scene = begin(path)
    populate(scene, log, {98: lambda t: 900 + 20.8 * t})
    scene.record(BEFORE_S)
    for number in range(6):
        kill(scene, log, number)
        scene.record(120)
    kill(scene, log, 6)
    scene.record(20)
    scene.stop()


def kill_loop(path: Path) -> None:
    """One program leaks, is killed and started again, four times."""
    log = "armhf-global-c.txt"
    scene = begin(path)
    populate(scene, log, {LEAKER: lambda t: 900 + 97 * t})
    for number in range(4):
        scene.record(600)
        pid = LEAKER + 100 * number
        scene.at_s += 0.8 - scene.interval_s
        lines = [re.sub(rb"\b95\b", b"%d" % pid, line) for line in said(log)]
        scene.kernel_says(*lines)
        scene.at_s += 0.05
        scene.end(pid, 9)
        scene.at_s += scene.interval_s - 0.85
        scene.run(pid + 100, b"leaker", lambda t: 900 + 97 * t)
    scene.record(20)
    scene.stop()


STORIES: dict[str, Callable[[Path], None]] = {
    story.__name__: story
    for story in (
        leak_ends_in_its_kill,
        large_but_steady,
        sawtooth,
        cache_filled,
        too_short,
        older_than_the_recording,
        tmpfs_fills,
        slab_grows,
        shielded_leaker,
        kill_loop,
    )
}

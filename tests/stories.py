"""Devices with a story each, whose reports are kept word by word in golden/."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from scene import BLOCK_SIZE, Scene

MB = 1 << 20


def leak_ends_in_a_group_kill(path: Path) -> None:
    """The leaker is killed at its group's limit; a sawtooth and a cache are beside it."""
    scene = Scene(path).boot()
    scene.own = {"missed_ticks": 0}
    agent = scene.run(50, b"lastgasp-agent", 2_000, adj=-900, page_tables_kb=20, oom_score=106)
    scene.run(2, b"kthreadd", 0, kernel=True)
    scene.run(100, b"init", 300, adj=0, page_tables_kb=8, oom_score=673)
    scene.run(200, b"sensord", lambda t: 900 + 40 * t, group=b"/app", adj=0, page_tables_kb=12, oom_score=680)
    scene.run(300, b"httpd", lambda t: 500 + 1200 * ((t % 9) / 9), adj=100, page_tables_kb=12, oom_score=742)
    scene.run(301, b"cached", lambda t: 200 + min(t * 40, 3000))
    scene.groups[b"/app"] = (3 * MB, 6 * MB, None, 0, 0)
    for minute in range(2):
        scene.event("mark", text=f"test {minute + 7} begins")
        agent.cpu_ticks += 30
        scene.record(60, mappings_every=10)
    scene.groups[b"/app"] = (6 * MB - 4096, 6 * MB, None, 31, 1)
    scene.oom_kill(200, b"/app")
    scene.record(5)
    scene.stop()


def innocent_is_killed(path: Path) -> None:
    """The clock comes late; the whole machine runs short; the largest process dies and not the one that leaks."""
    scene = Scene(path, interval_s=5).boot(wall=None)
    scene.run(200, b"leakd", lambda t: 900 + 2 * t, mapping=b"/usr/lib/libvendor.so.3")
    scene.run(300, b"bigdb", 9_000)
    scene.record(1800, mappings_every=60)
    scene.set_clock("2026-11-23 15:00:00")
    scene.record(1200, mappings_every=60)
    scene.event("alert", name="available", text="2900 kB of 65536 kB memory available")
    scene.pressure = True
    scene.stalled_us = 4_000_000
    scene.record(600, mappings_every=60)
    scene.oom_kill(300)
    scene.record(30)
    scene.flush()


def nobody_leaks(path: Path) -> None:
    """An hour of peace, with swap, on a kernel without PSI, whose clock was never set."""
    scene = Scene(path, interval_s=5, stalled_us=None)
    scene.meminfo |= {"SwapTotal": 20_000, "SwapFree": 18_000}
    scene.boot(wall=None)
    scene.run(100, b"init", 300)
    scene.run(200, b"httpd", lambda t: 500 + 1200 * ((t % 300) / 300))
    scene.run(201, b"cached", lambda t: 200 + min(t, 1500))
    scene.record(3600)
    scene.stop()


def files_fill_tmpfs(path: Path) -> None:
    """No process leaks: a log in /run does."""
    scene = Scene(path, interval_s=5).boot()
    scene.run(200, b"logd", 900)
    for n in range(400):
        scene.meminfo |= {"Shmem": 500 + 20 * n, "Cached": 15_000 + 20 * n}
        scene.record(5)
    scene.stop()


def three_boots_and_a_hole(path: Path) -> None:
    """Two of three boots end uncleanly, and some blocks of the second are gone."""
    scene = Scene(path)
    rng = random.Random(1)
    for number in (1, 2, 3):
        scene.boot(number, wall=f"2026-11-2{number} 23:59:30")
        scene.run(200, b"leakd", lambda t: 500 + 20 * t)
        for _ in range(12):
            scene.event("filler", noise=rng.randbytes(1000))
            scene.record(10)
        scene.flush() if number < 3 else scene.stop()
    image = bytearray(path.read_bytes())
    image[6 * BLOCK_SIZE : 7 * BLOCK_SIZE] = rng.randbytes(BLOCK_SIZE)
    path.write_bytes(image)


def a_single_sample(path: Path) -> None:
    """Hardly a recording."""
    scene = Scene(path).boot()
    scene.run(200, b"logd", 900)
    scene.sample()
    scene.flush()


def names_from_an_adversary(path: Path) -> None:
    """Escapes, direction marks, wide letters, no UTF-8, a newline: in names, marks, groups and kernel messages."""
    scene = Scene(path).boot()
    scene.run(200, b"\x1b[31mred\n\x07", lambda t: 100 + t * 100, command_line=b"\x1b]0;title\x07")
    scene.run(201, "\u202egnp.exe".encode(), lambda t: 100 + t * 90)
    scene.run(202, "日本語日本語日本語日本語".encode(), lambda t: 100 + t * 80)
    scene.run(203, b"\xff\xfe<b>x</b>", lambda t: 100 + t * 70, mapping=b"/tmp/\x1b[2J.so")
    scene.run(204, b"a) R 1 (b", lambda t: 100 + t * 60)
    scene.groups[b"/g\x1b[1m"] = (6 * MB, 6 * MB, None, 3, 0)
    scene.event("mark", text="\x1b[2Jboo\nnext")
    scene.record(60, mappings_every=5)
    scene.oom_kill(200, b"/g\x1b[1m")
    scene.sample()
    scene.stop()


def ends_with_nothing_left(path: Path) -> None:
    """Two boots fill up and just end, as under a watchdog: no word from the kernel was kept."""
    scene = Scene(path)
    for boot in (1, 2):
        scene.boot(boot, wall=f"2026-11-23 1{boot + 3}:00:00")
        scene.meminfo["Cached"] = 2_000
        scene.run(200, b"sensord\x1b[1m", lambda t: 900 + 400 * t)
        scene.run(201, b"logger", 4_000)
        scene.record(105)
        scene.flush()


def promised_all_that_may_be(path: Path) -> None:
    """In mode 2 of overcommit a program takes what may be promised, while memory is free."""
    promises_run_out(Scene(path).boot()).flush()


def promises_run_out(scene: Scene) -> Scene:
    """The limit is at 32,768 kB; sensord (pid 200) is near it from the 29th of 40 samples on."""
    scene.meminfo["Committed_AS"] = 10_000
    scene.start(b"", **{"vm.overcommit_memory": "2", "vm.overcommit_ratio": "50"})
    scene.run(200, b"sensord", lambda t: 900 + 400 * t)
    for n in range(40):
        scene.meminfo["Committed_AS"] = min(10_000 + 800 * n, 32_700)
        scene.record(1)
    return scene


STORIES: dict[str, Callable[[Path], None]] = {
    story.__name__: story
    for story in (
        leak_ends_in_a_group_kill,
        innocent_is_killed,
        nobody_leaks,
        files_fill_tmpfs,
        three_boots_and_a_hole,
        a_single_sample,
        names_from_an_adversary,
        ends_with_nothing_left,
        promised_all_that_may_be,
    )
}

"""Control groups: those in use and the ones above them, version 1 and 2."""

from __future__ import annotations

from pathlib import Path

from fake_proc import FakeProc
from taped import Taped

from lastgasp.recorder.groups import LIMIT, Groups
from lastgasp.recorder.rows import Rows


def mounted(fake: FakeProc, version: int) -> Path:
    kind = b"cgroup2 cgroup2 rw" if version == 2 else b"cgroup cgroup rw,memory"
    fake.write("self/mountinfo", b"30 1 0:26 / /sys/fs/cgroup rw,nosuid - " + kind + b"\n")
    folder = fake.path / "sys/fs/cgroup"
    folder.mkdir(parents=True)
    return folder


def group(base: Path, path: str, **files: object) -> None:
    folder = base / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / name.replace("__", ".")).write_text(f"{value}\n")


def read(groups: Groups, taped: Taped, at_ms: int = 0, everything: bool = True) -> None:
    taped.encoder.begin(at_ms, 1)
    groups.read(everything)
    taped.encoder.end()


def test_usage_limit_and_kills_of_a_group_of_version_2(fake: FakeProc, taped: Taped) -> None:
    base = mounted(fake, 2)
    group(base, "app", memory__current=5000, memory__max=9000, memory__events="low 0\nmax 7\noom 2\noom_kill 1")
    groups = Groups(Rows(taped.encoder), fake.root)
    groups.add(b"/app")
    read(groups, taped)
    boot = taped.boot()
    assert [boot.latest("cgroup", b"/app", c) for c in ("usage", "limit", "limit_hits", "oom_kills")] == [
        5000,
        9000,
        7,
        1,
    ]
    assert boot.latest("cgroup", b"/app", "swap") is None


def test_groups_above_are_followed_because_the_limit_is_often_there(fake: FakeProc, taped: Taped) -> None:
    base = mounted(fake, 2)
    group(base, "a", memory__current=1, memory__max=100)
    group(base, "a/b", memory__current=1, memory__max="max")
    groups = Groups(Rows(taped.encoder), fake.root)
    groups.add(b"/a/b")
    read(groups, taped)
    boot = taped.boot()
    assert boot.latest("cgroup", b"/a", "limit") == 100
    assert boot.latest("cgroup", b"/a/b", "limit") is None


def test_version_1_says_no_limit_with_a_huge_number(fake: FakeProc, taped: Taped) -> None:
    base = mounted(fake, 1)
    group(base, "a", memory__usage_in_bytes=4096, memory__limit_in_bytes=9223372036854771712, memory__failcnt=0)
    groups = Groups(Rows(taped.encoder), fake.root)
    groups.add(b"/a")
    read(groups, taped)
    boot = taped.boot()
    assert boot.latest("cgroup", b"/a", "usage") == 4096
    assert boot.latest("cgroup", b"/a", "limit") is None


def test_between_slow_ticks_only_groups_with_a_limit_are_read(fake: FakeProc, taped: Taped) -> None:
    base = mounted(fake, 2)
    group(base, "limited", memory__current=1, memory__max=100)
    group(base, "free", memory__current=1, memory__max="max")
    groups = Groups(Rows(taped.encoder), fake.root)
    groups.add(b"/limited")
    groups.add(b"/free")
    read(groups, taped)
    for name in ("limited", "free"):
        group(base, name, memory__current=50)
    read(groups, taped, 1000, everything=False)
    boot = taped.boot()
    assert boot.latest("cgroup", b"/limited", "usage") == 50
    assert boot.latest("cgroup", b"/free", "usage") == 1


def test_a_group_that_is_removed_is_forgotten(fake: FakeProc, taped: Taped) -> None:
    mounted(fake, 2)
    groups = Groups(Rows(taped.encoder), fake.root)
    groups.add(b"/gone")
    read(groups, taped)
    read(groups, taped, 1000)
    assert not taped.encoder.payload or not taped.boot().rows("cgroup")


def test_the_number_of_groups_is_bounded(fake: FakeProc, taped: Taped) -> None:
    base = mounted(fake, 2)
    groups = Groups(Rows(taped.encoder), fake.root)
    for number in range(LIMIT * 2):
        group(base, f"g{number}", memory__current=1)
        groups.add(b"/g%d" % number)
    read(groups, taped)
    assert len(taped.boot().rows("cgroup")) == LIMIT


def test_without_a_memory_controller_nothing_is_followed(fake: FakeProc, taped: Taped) -> None:
    groups = Groups(Rows(taped.encoder), fake.root)
    groups.add(b"/a")
    read(groups, taped)
    assert groups.version == 0

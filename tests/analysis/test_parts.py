"""Memory by its parts: they add up to MemTotal at every moment, on real recordings and on made ones."""

from __future__ import annotations

import random
from array import array
from pathlib import Path

import pytest

from lastgasp.analysis.parts import ORDER, Parts, parts
from lastgasp.ring.payload import Series
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Boot
from scene import Scene

REAL = sorted((Path(__file__).parents[1] / "recordings").glob("*.ring.gz"))


def table(boot: Boot, name: bytes, key: bytes, rows: list[tuple[int, dict[str, int]]]) -> None:
    """Values at times; a row of a table as the decoder leaves it."""
    columns = tuple(column.encode() for column in rows[0][1])
    series = Series(columns)
    for at, values in rows:
        series.append(at, array("q", values.values()))
    boot.tables.setdefault(name, {}).setdefault(key, []).append(series)


def adds_up(of: Parts) -> bool:
    rows = zip(*of.columns.values(), strict=True)
    return all(
        sum(row) == total + over for row, total, over in zip(rows, of.total, of.over, strict=True)
    )  # fmt: skip


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_recordings_add_up_at_every_sample(path: Path) -> None:
    for recording in load(str(path)):
        for boot in recording.boots:
            of = parts(boot)
            assert of is not None
            assert len(of.times) > 10
            assert adds_up(of)
            assert not any(of.over)
            known = {"anonymous", "cache", "free", "slab_hard", "percpu", "unexplained"}
            assert known <= set(of.columns)
            assert ("free_cma" in of.columns) == ("armhf" in path.name)  # the arm64 guests have no CMA
            assert of.absent == []
            assert all(value >= 0 for column in of.columns.values() for value in column)


def test_the_parts_are_the_lines_of_meminfo(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring").boot()
    scene.run(100, b"init", 8_000)
    scene.sample()
    (boot,) = scene.flush().load().boots
    of = parts(boot)
    assert of is not None
    assert {name: column[-1] for name, column in of.columns.items()} == {
        "anonymous": 8_000, "shared": 500, "slab_hard": 4_000, "page_tables": 400, "stacks": 600, "unexplained": 6_000,
        "slab_soft": 3_000, "cache": 15_500, "free": 65_536 - 6_000 - 8_000 - 4_000 - 400 - 600 - 3_000 - 16_000,
    }  # fmt: skip


def test_what_is_read_one_after_another_can_be_more_than_there_is() -> None:
    boot = Boot(b"")
    table(boot, b"meminfo", b"", [(0, {"MemFree": 900, "AnonPages": 300}), (5, {"MemFree": 500, "AnonPages": 300})])
    table(boot, b"meminfo.slow", b"", [(0, {"MemTotal": 1000})])
    of = parts(boot)
    assert of is not None
    assert of.over == [200, 0]
    assert of.columns["unexplained"] == [0, 200]
    assert adds_up(of)


def test_a_dma_buf_is_never_more_than_what_is_unexplained() -> None:
    """It can be shared memory, which is counted already."""
    boot = Boot(b"")
    fast = {"MemFree": 500, "AnonPages": 300, "Shmem": 100, "Cached": 150, "Buffers": 0}
    table(boot, b"meminfo", b"", [(0, fast), (9, {**fast, "MemFree": 400})])
    table(boot, b"meminfo.slow", b"", [(0, {"MemTotal": 1000, "Percpu": 20})])
    table(boot, b"dmabuf", b"", [(0, {"buffers": 1, "bytes": 100 * 1024})])
    table(boot, b"zram", b"zram0", [(0, {"mem_used_total": 10 * 1024})])
    of = parts(boot)
    assert of is not None
    assert (of.columns["percpu"], of.columns["zram"], of.columns["dmabuf"]) == ([20, 20], [10, 10], [20, 100])
    assert of.columns["unexplained"] == [0, 20]
    assert adds_up(of)


def test_what_an_old_kernel_does_not_tell_is_unexplained_and_named() -> None:
    boot = Boot(b"")
    table(boot, b"meminfo", b"", [(0, {"MemFree": 500, "Cached": 100})])
    table(boot, b"meminfo.slow", b"", [(0, {"MemTotal": 1000})])
    of = parts(boot)
    assert of is not None
    assert of.columns == {"unexplained": [400], "cache": [100], "free": [500]}
    assert of.absent == ["AnonPages", "Buffers", "KernelStack", "PageTables", "SReclaimable", "SUnreclaim", "Shmem"]


@pytest.mark.parametrize("missing", ["MemFree", "MemTotal"])
def test_without_a_total_or_what_is_free_there_are_no_parts(missing: str) -> None:
    boot = Boot(b"")
    table(boot, b"meminfo", b"", [(0, {"MemFree" if missing != "MemFree" else "AnonPages": 5})])
    if missing != "MemTotal":
        table(boot, b"meminfo.slow", b"", [(0, {"MemTotal": 1000})])
    assert parts(boot) is None


def test_any_numbers_add_up() -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    rng = random.Random(seed)
    names = [
        "MemFree",
        "CmaFree",
        "AnonPages",
        "Shmem",
        "Cached",
        "Buffers",
        "SReclaimable",
        "SUnreclaim",
        "PageTables",
    ]
    for _ in range(200):
        boot = Boot(b"")
        some = ["MemFree", *(name for name in names[1:] if rng.random() < 0.8)]
        rows = [(at, {name: rng.randrange(rng.choice((2, 2000, 200_000))) for name in some}) for at in range(0, 90, 10)]
        table(boot, b"meminfo", b"", rows)
        table(boot, b"meminfo.slow", b"", [(at, {"MemTotal": 300_000, "Percpu": rng.randrange(99)}) for at in (0, 44)])
        if rng.random() < 0.5:
            table(boot, b"dmabuf", b"", [(rng.randrange(90), {"buffers": 1, "bytes": rng.randrange(1 << 31)})])
        of = parts(boot)
        assert of is not None
        assert adds_up(of)
        assert list(of.columns) == [name for name in ORDER if name in of.columns]
        assert all(value >= 0 for column in of.columns.values() for value in column)

"""Kinds of memory that are no process's: each byte is told once, and a cache that gives way is no leak."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path

import pytest

from lastgasp.analysis.memory import (
    ANONYMOUS,
    DMABUF,
    PERCPU,
    SLAB,
    SOCKETS,
    SOFT_SLAB,
    UNACCOUNTED,
    ZRAM,
    KernelGrowth,
    kernel_growth,
    owned,
)
from lastgasp.ring.payload import Series
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Boot, Recording
from scene import Scene

KB = 1024
RECORDINGS = Path(__file__).parents[1] / "recordings"
SECONDS = 300


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "ring", slots=256).boot()


def recorded(scene: Scene, change: Callable[[Scene, int], None]) -> Recording:
    """``change`` is called before each of the samples, with its number."""
    for n in range(SECONDS):
        change(scene, n)
        scene.record(1)
    return scene.flush().load()


def add(boot: Boot, name: bytes, key: bytes, values: dict[str, Callable[[int], int]], every: int = 1) -> None:
    """A table that the scene does not have: columns as functions of the number of the sample."""
    series = Series(tuple(column.encode() for column in values))
    for n, at in enumerate(boot.sample_at):
        if n % every == 0:
            series.append(at, array("q", [value(n) for value in values.values()]))
    boot.tables.setdefault(name, {}).setdefault(key, []).append(series)


def told(recording: Recording) -> dict[str, KernelGrowth]:
    return {growth.name: growth for growth in kernel_growth(recording)}


def unaccounted(scene: Scene, _: int) -> None:
    scene.unaccounted_kb += 40


def test_what_is_told_adds_up_to_no_more_than_ram() -> None:
    for path in sorted(RECORDINGS.glob("*.ring.gz")):
        (recording,) = load(str(path))
        for boot in recording.boots:
            total = (boot.latest("meminfo.slow", b"", "MemTotal") or 0) * KB
            assert all(sum(sizes) <= total for sizes in zip(*(of for _, of in owned(boot).values()), strict=True))


def test_dma_buffers_are_told_as_such_and_not_again_as_unaccounted(scene: Scene) -> None:
    recording = recorded(scene, unaccounted)
    add(recording.boots[0], b"dmabuf", b"", {"buffers": lambda n: n, "bytes": lambda n: n * 40 * KB})
    found = told(recording)
    assert list(found) == [DMABUF]
    assert found[DMABUF].verdict.per_s == pytest.approx(40 * KB, rel=0.05)


def test_so_is_memory_of_every_cpu(scene: Scene) -> None:
    recording = recorded(scene, unaccounted)
    add(recording.boots[0], b"meminfo.slow", b"", {"Percpu": lambda n: 500 + 40 * n})
    assert list(told(recording)) == [PERCPU]


def test_what_unaccounted_memory_may_be_is_told_with_it(scene: Scene) -> None:
    recording = recorded(scene, unaccounted)
    (boot,) = recording.boots
    add(boot, b"meminfo.slow", b"", {"VmallocUsed": lambda n: 2_000 + 35 * n}, every=30)
    found = told(recording)
    assert list(found) == [UNACCOUNTED]
    ((what, grown),) = found[UNACCOUNTED].within
    assert what == "vmalloc"
    assert grown == pytest.approx(35 * KB * SECONDS, rel=0.15)


def test_free_cma_that_falls_along_is_named(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring", slots=256)
    scene.meminfo["CmaFree"] = 16_000
    scene.boot()

    def change(scene: Scene, n: int) -> None:
        scene.unaccounted_kb += 40
        scene.meminfo["CmaFree"] = 16_000 - 40 * n

    assert [what for what, _ in told(recorded(scene, change))[UNACCOUNTED].within] == ["CMA"]


def test_stacks_of_threads_are_vmalloc_but_accounted_for(scene: Scene) -> None:
    def change(scene: Scene, n: int) -> None:
        scene.unaccounted_kb += 40
        scene.meminfo["KernelStack"] = 600 + 16 * n

    recording = recorded(scene, change)
    add(recording.boots[0], b"meminfo.slow", b"", {"VmallocUsed": lambda n: 2_000 + 16 * n}, every=30)
    assert told(recording)[UNACCOUNTED].within == []


def test_what_zram_holds_of_a_leaking_process_is_no_second_leak(scene: Scene) -> None:
    """Swapped out, its memory goes on in zram's pool: compressed, and no process's RSS."""

    def change(scene: Scene, n: int) -> None:
        scene.meminfo |= {"SwapFree": 60_000 - 100 * n, "SwapTotal": 60_000}
        scene.unaccounted_kb += 40

    recording = recorded(scene, change)
    columns = {"orig_data_size": lambda n: 100 * KB * n, "mem_used_total": lambda n: 40 * KB * n}
    add(recording.boots[0], b"zram", b"zram0", columns)
    assert told(recording) == {}


def test_files_in_zram_are_told(scene: Scene) -> None:
    recording = recorded(scene, unaccounted)
    columns = {"orig_data_size": lambda n: 100 * KB * n, "mem_used_total": lambda n: 40 * KB * n}
    add(recording.boots[0], b"zram", b"zram0", columns)
    assert list(told(recording)) == [ZRAM]


def test_what_lies_in_zram_is_not_told_where_it_was_not_recorded(scene: Scene) -> None:
    recording = recorded(scene, unaccounted)
    add(recording.boots[0], b"zram", b"zram0", {"mem_used_total": lambda n: 40 * KB * n})
    assert ZRAM not in owned(recording.boots[0])
    assert told(recording) == {}


def soft_slab(scene: Scene, n: int) -> None:
    scene.meminfo["SReclaimable"] = 3_000 + 40 * n


def test_reclaimable_slab_that_fills_free_memory_is_no_leak(scene: Scene) -> None:
    assert told(recorded(scene, soft_slab)) == {}


def test_nor_is_it_where_the_kernel_took_pages_back_only_once(scene: Scene) -> None:
    recording = recorded(scene, soft_slab)
    add(recording.boots[0], b"vmstat", b"", {"pgsteal_kswapd": lambda n: 100 if n > 250 else 0})
    assert told(recording) == {}


def test_it_is_one_where_it_grows_on_while_the_kernel_takes_pages_back(scene: Scene) -> None:
    recording = recorded(scene, soft_slab)
    add(recording.boots[0], b"vmstat", b"", {"pgsteal_kswapd": lambda n: 10 * n, "pgsteal_direct": lambda _: 0})
    (found,) = kernel_growth(recording)
    assert found.name == SOFT_SLAB


def test_data_that_nobody_reads_is_told_as_socket_buffers(scene: Scene) -> None:
    recording = recorded(scene, lambda *_: None)
    columns = {"tcp_memory_pages": lambda n: 10 + 10 * n, "udp_memory_pages": lambda _: 2}
    add(recording.boots[0], b"sockstat", b"", columns, every=10)
    assert list(told(recording)) == [SOCKETS]


def test_where_it_is_seen_as_slab_it_is_told_there(scene: Scene) -> None:
    def change(scene: Scene, n: int) -> None:
        scene.meminfo["SUnreclaim"] = 4_000 + 40 * n

    recording = recorded(scene, change)
    columns = {"tcp_memory_pages": lambda n: 10 + 10 * n, "udp_memory_pages": lambda _: 2}
    add(recording.boots[0], b"sockstat", b"", columns, every=10)
    found = told(recording)
    assert list(found) == [SLAB]
    assert [what for what, _ in found[SLAB].within] == [SOCKETS]


def test_without_memtotal_what_meminfo_says_itself_is_judged(scene: Scene) -> None:
    scene.run(200, b"leaky", lambda s: 1_000 + 30 * s)
    recording = recorded(scene, lambda *_: None)
    recording.boots[0].tables.pop(b"meminfo.slow")
    assert ANONYMOUS in told(recording)
    assert UNACCOUNTED not in owned(recording.boots[0])

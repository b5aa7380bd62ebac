"""The trace, read back by a small reader of protobuf that knows nothing of the writer.

The same bytes were parsed by Perfetto's own schema (perfetto_trace_pb2 0.59) without an unknown field; what is checked
here is what that schema says: field numbers, wire types, and that each event lies on a track that was described before.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from lastgasp.report.export import perfetto
from lastgasp.report.export.rows import Exported
from lastgasp.timeline.load import load
from scene import Scene
from stories import STORIES

RECORDINGS = Path(__file__).parents[2] / "recordings"
Message = dict[int, list[int | float | bytes]]


def number(data: bytes, p: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[p] & 127) << shift
        shift += 7
        p += 1
        if data[p - 1] < 128:
            return value, p


def message(data: bytes) -> Message:
    found: Message = {}
    p = 0
    while p < len(data):
        tag, p = number(data, p)
        value: int | float | bytes
        if tag & 7 == 0:
            value, p = number(data, p)
        elif tag & 7 == 1:
            (value,) = struct.unpack_from("<d", data, p)
            p += 8
        else:
            assert tag & 7 == 2
            size, p = number(data, p)
            value = data[p : p + size]
            assert len(data) >= p + size
            p += size
        found.setdefault(tag >> 3, []).append(value)
    return found


def part(of: Message, field: int) -> Message | None:
    raw = of.get(field, [None])[0]
    return message(raw) if isinstance(raw, bytes) else None


def packets(exported: Exported) -> Iterator[Message]:
    out = io.BytesIO()
    perfetto.write(exported, out, lambda table, rows: None)
    for raw in message(out.getvalue())[1]:
        assert isinstance(raw, bytes)
        yield message(raw)


class Trace:
    """What a viewer would know."""

    def __init__(self, exported: Exported) -> None:
        self.processes: dict[object, tuple[object, object]] = {}  # track: pid, name
        self.counters: dict[tuple[object, str], list[tuple[int, float]]] = {}  # (parent, name): values
        self.instants: list[tuple[object, int, str]] = []
        self.slices: dict[object, list[tuple[int, int]]] = {}
        names: dict[object, tuple[object, str]] = {}
        for packet in packets(exported):
            assert packet[10] == [1], "each packet is of our one sequence"
            described, event = part(packet, 60), part(packet, 11)
            if described is not None:
                track = described[1][0]
                assert track not in names, "a track is described once"
                parent = described.get(5, [0])[0]
                assert not parent or parent in names
                raw = described.get(2, [b""])[0]
                names[track] = parent, raw.decode() if isinstance(raw, bytes) else ""
                process = part(described, 3)
                if process is not None:
                    self.processes[track] = process[1][0], process[6][0]
            if event is not None:
                kind, track, at_ns = event[9][0], event[11][0], packet[8][0]
                assert track in names and isinstance(at_ns, int)
                if kind == 4:
                    raw_value = event[30][0] if 30 in event else event[44][0]
                    assert isinstance(raw_value, (int, float))
                    value = raw_value - (1 << 64) if raw_value >= 1 << 63 else raw_value
                    self.counters.setdefault(names[track], []).append((at_ns, value))
                elif kind == 3:
                    said = event[23][0]
                    assert isinstance(said, bytes)
                    self.instants.append((track, at_ns, said.decode()))
                else:
                    self.slices.setdefault(track, []).append((int(kind), at_ns))


def test_the_memory_of_a_process_is_a_counter_below_it() -> None:
    exported = Exported(load(str(RECORDINGS / "armhf-6.1-adj-down.ring.gz")))
    trace, boot = Trace(exported), exported.boots[0]
    (track,) = (track for track, (pid, name) in trace.processes.items() if (pid, name) == (148, b"sensord"))
    (key,) = (key for key, process in boot.boot.processes.items() if process.pid == 148)
    times, rss = boot.boot.points("process", key, "rss")
    recorded = [((at + (boot.offset_ms or 0)) * 1_000_000, pages * 4096) for at, pages in zip(times, rss, strict=True)]
    values = trace.counters[track, "rss_bytes"]
    changes = [point for n, point in enumerate(recorded) if not n or recorded[n - 1][1] != point[1]]
    assert values[:-1] == changes or values == changes
    assert values[-1][1] == 0, "it was killed"
    assert [said for on, _, said in trace.instants if on == track] == ["OOM killed"]


def test_cpu_is_the_time_used_in_each_second(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.lgr").boot()
    busy = scene.run(200, b"busy", 700)
    for ticks in (0, 50, 100, 0, 0, 25):
        busy.cpu_ticks += ticks
        scene.record(1)
    scene.stop()
    trace = Trace(Exported([scene.load()]))
    ((_, values),) = ((key, values) for key, values in trace.counters.items() if key[1] == "cpu_ms/s")
    first_ns = min(at for at, _ in values)
    assert [((at - first_ns) // 10**9, value) for at, value in values] == [
        (0, 500.0), (1, 1000.0), (2, 0), (4, 250.0), (5, 0),
    ]  # fmt: skip


def test_boots_follow_one_another_and_a_pid_used_twice_is_told_apart(tmp_path: Path) -> None:
    STORIES["three_boots_and_a_hole"](tmp_path / "r.lgr")
    trace = Trace(Exported(load(str(tmp_path / "r.lgr"))))
    assert sorted(trace.processes.values()) == [
        (200, b"leakd"), (10_000_200, b"leakd (pid 200)"), (20_000_200, b"leakd (pid 200)"),
    ]  # fmt: skip
    spans = [edges for edges in trace.slices.values() if len(edges) == 6]
    assert [kind for kind, _ in spans[0]] == [1, 2, 1, 2, 1, 2]
    assert [at for _, at in spans[0]] == sorted(at for _, at in spans[0])


def test_clocks_that_were_never_set_still_give_one_axis(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.lgr")
    for number in (1, 2, 3):
        scene.boot(number, wall=None if number != 2 else "2026-11-23 14:00:00")
        scene.run(200, b"x", 700)
        scene.record(10)
        scene.flush()
    exported = Exported([scene.load()])
    shifts = perfetto.axis(exported.boots)
    spans = [(one.boot.first_ms + shifts[one.number], one.boot.last_ms + shifts[one.number]) for one in exported.boots]
    assert all(earlier[1] + perfetto.APART_MS == later[0] for earlier, later in pairwise(spans))
    assert shifts[2] == exported.boots[1].offset_ms


@pytest.mark.parametrize("name", sorted(STORIES))
def test_each_story_is_a_trace_that_holds_together(name: str, tmp_path: Path) -> None:
    STORIES[name](tmp_path / "r.lgr")
    exported = Exported(load(str(tmp_path / "r.lgr")))
    trace = Trace(exported)
    assert len(trace.processes) == sum(len(one.processes) for one in exported.boots)
    kills = [said for _, _, said in trace.instants if said.startswith("oom_kill: ")]
    assert len(kills) == sum(happened.kind == "oom_kill" for happened in exported.happened())
    assert any(said.startswith("start") for _, _, said in trace.instants)

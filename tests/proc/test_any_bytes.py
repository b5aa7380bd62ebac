"""No parser raises on any bytes, nor invents a value, nor gives a number that the ring cannot hold.

Real captured files are cut and spoiled at random. LASTGASP_SEED=n repeats a run that failed, LASTGASP_LONG=1 goes
on a hundred times as long.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from lastgasp.proc import (
    buddyinfo,
    cgroup,
    connector,
    counters,
    diskstats,
    dmabuf,
    kmsg,
    loadavg,
    meminfo,
    mounts,
    net_dev,
    pid_fd,
    pid_identity,
    pid_io,
    pid_oom,
    pid_smaps,
    pid_stat,
    pid_statm,
    pid_status,
    pressure,
    slabinfo,
    sockstat,
    stat,
    text,
    vmstat,
    zoneinfo,
    zram,
)
from proc.support import ARMHF, NO_NUMBERS, TREES
from proc.test_connector import datagram
from proc.test_kmsg import records

SEED = int(os.environ.get("LASTGASP_SEED", "1"))
SPOILED = 1000 * (100 if os.environ.get("LASTGASP_LONG") else 1)  # a parser
CUTS = 600  # a file

# A result laid flat: where each value stands, and the value.
Flat = dict[Any, Any]


def counted(wanted: tuple[bytes, ...], suffix: bytes = b"") -> Callable[[bytes], Flat]:
    """Return a parser that learns the layout of the file and picks its values."""

    def parse(raw: bytes) -> Flat:
        layout = counters.learn(raw, wanted, suffix)
        return dict(zip(layout.names, counters.pick(raw, layout) or (), strict=False))

    return parse


def picked(path: str, wanted: tuple[bytes, ...], suffix: bytes = b"") -> Callable[[bytes], Flat]:
    """Return a parser that picks by the layout learned from the same kernel's file."""
    layout = counters.learn(ARMHF.files[path], wanted, suffix)
    return lambda raw: dict(zip(layout.names, counters.pick(raw, layout) or (), strict=False))


def rows(parse: Callable[[bytes], Sequence[tuple[bytes, Sequence[int | None]]]]) -> Callable[[bytes], Flat]:
    return lambda raw: {(key, i): value for key, values in parse(raw) for i, value in enumerate(values)}


def columns(parse: Callable[[bytes], tuple[int | None, ...] | None]) -> Callable[[bytes], Flat]:
    return lambda raw: dict(enumerate(parse(raw) or ()))


def process(raw: bytes) -> Flat:
    found = pid_stat.parse(raw)
    return {name: getattr(found, name) for name in pid_stat.Stat.__slots__} if found else {}


def mounted(raw: bytes) -> Flat:
    found = mounts.parse(text.lines(raw))
    mounts.memory_controller(found)
    mounts.file_system(found, b"254:0")
    return dict(enumerate(found))


def mappings(raw: bytes) -> Flat:
    summary = pid_smaps.Summary()
    summary.feed(raw)
    return {(name, i): value for name, sums in summary.totals.items() for i, value in enumerate(sums)}


def record(raw: bytes) -> Flat:
    parts = kmsg.split(raw)
    return {} if parts is None else dict(enumerate((*parts[:3], kmsg.begins_oom(parts[3]), parts[4])))


def lists(parse: Callable[[list[bytes]], Any]) -> Callable[[bytes], Any]:
    return lambda raw: parse(text.lines(raw))


FAST = meminfo.FAST + meminfo.SLOW
VMSTAT = vmstat.FAST + vmstat.SLOW
DATAGRAMS = [
    datagram(connector.EXIT, 12, 10, 7 << 8, 17),
    datagram(connector.FORK, 1, 2, 12, 10),
    datagram(connector.EXEC, 12, 10),
]

# Name: parser, and the captured files that it is for, by the end of their path.
PARSERS: dict[str, tuple[Callable[[bytes], Flat], str]] = {
    "buddyinfo": (rows(buddyinfo.parse), "proc/buddyinfo"),
    "cgroup v1": (columns(lambda raw: cgroup.parse_v1(raw, raw, raw, raw, raw)), "_in_bytes"),
    "cgroup v1 kills": (columns(lambda raw: cgroup.parse_v1(None, None, None, None, raw)), "memory.oom_control"),
    "cgroup v2": (columns(lambda raw: cgroup.parse_v2(raw, raw, raw, raw)), "memory.current"),
    "cgroup v2 limit": (columns(lambda raw: cgroup.parse_v2(raw, raw, raw, raw)), "memory.max"),
    "cgroup v2 events": (columns(lambda raw: cgroup.parse_v2(None, None, None, raw)), "memory.events"),
    "connector": (columns(connector.parse), ""),
    "diskstats": (rows(diskstats.parse), "proc/diskstats"),
    "dmabuf": (columns(lists(dmabuf.parse_bufinfo)), "dma_buf/bufinfo"),
    "kmsg": (record, "dev/kmsg"),
    "loadavg": (columns(loadavg.parse), "proc/loadavg"),
    "meminfo": (counted(FAST, b":"), "proc/meminfo"),
    "meminfo again": (picked("proc/meminfo", FAST, b":"), "proc/meminfo"),
    "mounts": (mounted, "proc/self/mountinfo"),
    "mounts unescape": (lambda raw: {0: mounts.unescape(raw)}, "proc/self/mountinfo"),
    "net_dev": (rows(net_dev.parse), "proc/net/dev"),
    "pid_fd": (lambda raw: {0: pid_fd.kind(raw)}, "/comm"),
    "pid_identity arguments": (lambda raw: {0: pid_identity.command_line(raw, 64)}, "/cmdline"),
    "pid_identity group": (lambda raw: {0: pid_identity.memory_group(raw)}, "/cgroup"),
    "pid_io": (columns(pid_io.parse), "/io"),
    "pid_oom": (lambda raw: {0: pid_oom.parse(raw)}, "/oom_score_adj"),
    "pid_smaps": (mappings, "/smaps"),
    "pid_stat": (process, "/stat"),
    "pid_statm": (columns(pid_statm.parse), "/statm"),
    "pid_status": (columns(pid_status.parse), "/status"),
    "pid_status uid": (lambda raw: {0: pid_status.uid(raw)}, "/status"),
    "pressure": (columns(pressure.parse), "proc/pressure/"),
    "slabinfo": (rows(lists(lambda lines: slabinfo.parse_largest(lines, 12))), "proc/slabinfo"),
    "sockstat": (columns(lambda raw: sockstat.parse(raw, None)), "net/sockstat"),
    "sockstat files": (columns(lambda raw: sockstat.parse(None, raw)), "fs/file-nr"),
    "stat": (columns(stat.parse), "proc/stat"),
    "stat cpus": (lists(lambda lines: {0: stat.cpus(lines)}), "proc/stat"),
    "vmstat": (counted(VMSTAT), "proc/vmstat"),
    "vmstat again": (picked("proc/vmstat", VMSTAT), "proc/vmstat"),
    "zoneinfo": (rows(lists(zoneinfo.parse)), "proc/zoneinfo"),
    "zram": (columns(zram.parse), "mm_stat"),
}

# What a part of the whole says of itself: text is shorter, sums are smaller, the largest are others.
PARTS = {"kmsg", "mounts unescape", "pid_fd", "pid_identity arguments", "pid_smaps", "slabinfo", "stat cpus"}


def captured(name: str) -> list[bytes]:
    """Return the different files that a parser is for."""
    if name == "connector":
        return DATAGRAMS
    end = PARSERS[name][1]
    found = {
        content: None
        for tree in ([ARMHF] if name.endswith(" again") else TREES.values())
        for path, content in tree.files.items()
        if content and (end in path if end.endswith("/") else path.endswith(end))
    }
    if name == "kmsg":
        return [part for content in found for part in records(content)]
    return list(found)


SPECIAL = (
    *NO_NUMBERS,
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\x0b\x0c\x1c\x85\xa0",
    b":",
    b"(",
    b")",
    b"\\",
    b"max\n",
    b"18446744073709551615",
    b"18446744073709551616",
    b"13835058055282163713",
    b"4294967296",
    b"-1000\n",
    b"Node 0, zone",
    b"0::/\n",
    b" - ",
    b"total=",
    struct.pack("=I", 0xFFFFFFFF),
)


def spoil(raw: bytes, rng: random.Random) -> bytes:
    """Return the file with a few things wrong."""
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.randrange(len(raw) + 1)
        what = rng.randrange(9)
        if what == 0:
            raw = raw[:at]
        elif what == 1 and raw:
            at = rng.randrange(len(raw))
            raw = raw[:at] + bytes((raw[at] ^ 1 << rng.randrange(8),)) + raw[at + 1 :]
        elif what == 2:
            raw = raw[:at] + raw[at + rng.choice((1, 2, 8, 64)) :]
        elif what == 3:
            lines = raw.splitlines(keepends=True)
            if lines:
                lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
            raw = b"".join(lines)
        elif what == 4:
            lines = raw.splitlines(keepends=True)
            rng.shuffle(lines)
            raw = b"".join(lines)
        elif what == 5:
            raw = raw[:at] + rng.choice(SPECIAL) + raw[at:]
        elif what in (6, 7):
            # One number, or all of one line, is another.
            start = at
            while start > 0 and raw[start - 1 : start].isdigit():
                start -= 1
            end = at
            while raw[end : end + 1].isdigit():
                end += 1
            raw = raw[:start] + rng.choice(SPECIAL) + raw[end:]
        else:
            raw = raw[:at] + rng.randbytes(rng.randrange(1, 9)) + raw[at:]
    return raw


def values(flat: Flat) -> Iterator[int]:
    return (value for value in flat.values() if isinstance(value, int))


@pytest.mark.parametrize("name", PARSERS)
def test_spoiled_files_give_numbers_that_the_ring_holds(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    parse, sources = PARSERS[name][0], captured(name)
    rng = random.Random(f"{SEED} {name}")
    for turn in range(SPOILED):
        raw = spoil(rng.choice(sources), rng)
        where = f"LASTGASP_SEED={SEED}, turn {turn} of {name}: {raw[:2000]!r}"
        try:
            flat = parse(raw)
        except Exception as error:  # whatever it is, a parser must not raise it
            pytest.fail(f"{error!r} with {where}")
        beyond = [value for value in values(flat) if not -text.LIMIT < value < text.LIMIT]
        assert not beyond, where
    record_property("counted: spoiled kernel files", SPOILED)


@pytest.mark.parametrize("name", [name for name in PARSERS if name not in PARTS])
def test_a_file_that_was_cut_anywhere_says_nothing_that_the_whole_does_not(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    parse, sources = PARSERS[name][0], captured(name)
    rng = random.Random(f"{SEED} {name}")
    cuts = 0
    for raw in rng.sample(sources, min(len(sources), 12)):
        whole = parse(raw)
        ends = range(len(raw))
        for end in ends if len(ends) < CUTS else rng.sample(ends, CUTS):
            for key, value in parse(raw[:end]).items():
                assert value is None or value == whole[key], f"LASTGASP_SEED={SEED}, {name}: {raw[:end][-80:]!r}"
            cuts += 1
    record_property("counted: kernel files cut short", cuts)


@pytest.mark.parametrize("name", PARSERS)
def test_random_bytes_mean_nothing_or_little(name: str) -> None:
    rng = random.Random(f"{SEED} {name}")
    for length in [*range(64), 500, 5000]:
        raw = rng.randbytes(length)
        assert all(-text.LIMIT < value < text.LIMIT for value in values(PARSERS[name][0](raw))), (SEED, raw)


@pytest.mark.parametrize("name", PARSERS)
def test_every_parser_is_tried_on_files_that_it_understands(name: str) -> None:
    flat = [PARSERS[name][0](raw) for raw in captured(name)]
    assert any(value is not None for found in flat for value in found.values())

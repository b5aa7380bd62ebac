"""What the columns of a ring are called outside of it, and in which unit.

A name ends in its unit: ``_bytes``, ``_ms``, ``_us``, ``_tasks`` (load averages), ``_blocks``; without one it is a
plain count, or what the kernel calls so. Sizes that the kernel gives in kB, pages or sectors become bytes, clock ticks
become milliseconds. Tables and columns that this version does not know keep name and value, with letters that no tool
could mistake. A value that does not fit into 64 bits after that is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from lastgasp.analysis.identity import clock_ticks
from lastgasp.timeline.model import Boot

LARGEST = 1 << 63
NAME_LIMIT = 60


class Unit(Enum):
    """Of a recorded value."""

    COUNT = "count"
    KB = "kB"
    PAGES = "pages"
    SECTORS = "sectors of 512 bytes"
    BYTES = "bytes"
    TICKS = "clock ticks"
    MS = "milliseconds"
    US = "microseconds"
    HUNDREDTHS = "hundredths of a task"
    BLOCKS = "free blocks"
    LETTER = "ASCII"

    @property
    def ending(self) -> str:
        """What an exported name ends in."""
        return ENDINGS.get(self, "_bytes" if self in SIZES else "")


SIZES = {Unit.KB, Unit.PAGES, Unit.SECTORS, Unit.BYTES}
TIMES = {Unit.TICKS, Unit.MS, Unit.US}
ENDINGS = {
    Unit.TICKS: "_ms",
    Unit.MS: "_ms",
    Unit.US: "_us",
    Unit.HUNDREDTHS: "_tasks",
    Unit.BLOCKS: "_blocks",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a ring's table, as it is exported."""

    source: bytes
    name: str
    unit: Unit = Unit.COUNT
    counter: bool = False  # only grows within a boot (of a process: within its life)
    less: bytes = b""  # another recorded column that is taken off


@dataclass(frozen=True, slots=True)
class Layout:
    """One table of a ring, as it is exported."""

    source: str
    name: str
    key: str  # what its row key is called: "" where there is but one row, "process" for pid@start
    columns: tuple[Column, ...]


def _some(unit: Unit, *names: str, counter: bool = False, ending: str | None = None) -> tuple[Column, ...]:
    """Columns that are called as the kernel calls them, with their unit behind it."""
    end = unit.ending if ending is None else ending
    return tuple(Column(name.encode(), re.sub(r"\W+", "_", name).strip("_") + end, unit, counter) for name in names)


C, KB, BYTES = Unit.COUNT, Unit.KB, Unit.BYTES

KNOWN = (
    Layout(
        "process",
        "process_samples",
        "process",
        (
            *_some(Unit.PAGES, "rss", "shared", "vsize"),
            Column(b"rss", "anon_bytes", Unit.PAGES, less=b"shared"),
            Column(b"majflt", "major_faults", C, True),
            Column(b"cpu_ticks", "cpu_ms", Unit.TICKS, True),
            *_some(C, "threads"),
            Column(b"state", "state", Unit.LETTER),
        ),
    ),
    Layout(
        "process.details",
        "process_details",
        "process",
        (
            Column(b"minflt", "minor_faults", C, True),
            *_some(C, "oom_score", "oom_score_adj"),
            *_some(KB, "VmHWM", "VmLck", "VmData", "RssAnon", "RssFile", "RssShmem", "VmPTE", "VmPMD", "VmSwap"),
            *_some(C, "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches", counter=True),
            *_some(BYTES, "rchar", "wchar", counter=True),
            *_some(BYTES, "read_bytes", "write_bytes", counter=True, ending=""),
            *_some(C, "fds", "fd_files", "fd_sockets", "fd_pipes", "fd_anon", "fd_shared", "fd_devices"),
        ),
    ),
    Layout(
        "mappings",
        "mapping_readings",
        "process",
        (*_some(C, "readings", "areas", "listed", "complete"), *_some(Unit.US, "read_us", ending="")),
    ),
    Layout("mapping", "mappings", "mapping", _some(KB, "size", "rss", "pss", "anonymous", "private_dirty", "swap")),
    Layout(
        "meminfo",
        "meminfo",
        "",
        _some(
            KB,
            "MemFree",
            "MemAvailable",
            "Buffers",
            "Cached",
            "SwapFree",
            "AnonPages",
            "Shmem",
            "SReclaimable",
            "SUnreclaim",
            "KernelStack",
            "PageTables",
            "Committed_AS",
        ),
    ),
    Layout("meminfo.slow", "meminfo_slow", "", _some(KB, "MemTotal", "SwapTotal")),
    Layout("vmstat", "vmstat", "", _some(C, "oom_kill", counter=True)),
    Layout("vmstat.slow", "vmstat_slow", "", ()),
    Layout("pressure", "pressure", "resource", _some(Unit.US, "some_us", "full_us", counter=True, ending="")),
    Layout(
        "stat",
        "stat",
        "",
        (
            *_some(Unit.TICKS, "user", "nice", "system", "iowait", "irq", "softirq", "steal", counter=True),
            Column(b"ctxt", "context_switches", C, True),
            Column(b"processes", "processes_started", C, True),
            *_some(C, "procs_running", "procs_blocked"),
        ),
    ),
    Layout(
        "loadavg",
        "loadavg",
        "",
        (
            *(Column(b"load%d_percent" % n, f"load{n}_tasks", Unit.HUNDREDTHS) for n in (1, 5, 15)),
            *_some(C, "tasks"),
        ),
    ),
    Layout("buddyinfo", "buddyinfo", "zone", _some(Unit.BLOCKS, *(f"order{n}" for n in range(11)))),
    Layout("zoneinfo", "zoneinfo", "zone", _some(Unit.PAGES, "free", "min", "low", "high", "managed")),
    Layout(
        "diskstats",
        "diskstats",
        "device",
        (
            Column(b"reads", "reads", C, True),
            Column(b"sectors_read", "read_bytes", Unit.SECTORS, True),
            Column(b"writes", "writes", C, True),
            Column(b"sectors_written", "written_bytes", Unit.SECTORS, True),
            Column(b"busy_ms", "busy_ms", Unit.MS, True),
        ),
    ),
    Layout(
        "net_dev",
        "net_dev",
        "interface",
        (
            *_some(BYTES, "rx_bytes", "tx_bytes", counter=True, ending=""),
            *_some(C, "rx_packets", "rx_dropped", "tx_packets", counter=True),
        ),
    ),
    Layout(
        "sockstat",
        "sockstat",
        "",
        (
            *_some(C, "sockets", "open_files"),
            Column(b"tcp_memory_pages", "tcp_memory_bytes", Unit.PAGES),
            Column(b"udp_memory_pages", "udp_memory_bytes", Unit.PAGES),
        ),
    ),
    Layout(
        "zram",
        "zram",
        "device",
        (
            Column(b"orig_data_size", "orig_data_bytes", BYTES),
            Column(b"compr_data_size", "compr_data_bytes", BYTES),
            *_some(BYTES, "mem_used_total", "mem_limit", "mem_used_max"),
            Column(b"same_pages", "same_pages"),
        ),
    ),
    Layout("dmabuf", "dmabuf", "", (Column(b"buffers", "buffers"), Column(b"bytes", "size_bytes", BYTES))),
    Layout(
        "slabinfo",
        "slabinfo",
        "cache",
        (
            *_some(C, "active_objects", "objects"),
            Column(b"object_bytes", "object_bytes", BYTES),
            *_some(C, "slabs", "pages_per_slab"),
        ),
    ),
    Layout(
        "cgroup",
        "cgroup",
        "group_path",
        (*_some(BYTES, "usage", "limit", "swap"), *_some(C, "limit_hits", "oom_kills", counter=True)),
    ),
    Layout("recorder", "recorder", "", ()),
)
BY_SOURCE = {layout.source: layout for layout in KNOWN}


def layout_of(source: str, recorded: set[bytes]) -> Layout:
    """The layout of a table in which these columns were recorded: the known ones, there or not, then the others."""
    known = BY_SOURCE.get(source) or Layout(source, "other_" + plain_name(source), "key", ())
    sources = {column.source for column in known.columns}
    taken = {column.name.lower() for column in known.columns}
    more = []
    for name in sorted(recorded - sources):
        unit = KB if source in ("meminfo", "meminfo.slow") and not name.startswith(b"HugePages_") else C
        unit = Unit.BLOCKS if source == "buddyinfo" else unit
        exported = plain_name(name.decode("utf-8", "replace")) + unit.ending
        while exported.lower() in taken:
            exported += "_"
        taken.add(exported.lower())
        more.append(Column(name, exported, unit, source in ("vmstat", "vmstat.slow") and not name.startswith(b"nr_")))
    return Layout(source, known.name, known.key, (*known.columns, *more))


def plain_name(text: str) -> str:
    """Letters, digits and underscores, beginning with a letter."""
    name = re.sub(r"[^A-Za-z0-9_]+", "_", text)[:NAME_LIMIT].strip("_") or "unnamed"
    return name if name[0].isalpha() else "n" + name


class Scale:
    """From a recorded value of one boot to the exported one."""

    def __init__(self, boot: Boot) -> None:
        self.ticks = clock_ticks(boot)
        self.factors = {Unit.KB: 1024, Unit.PAGES: boot.page_size, Unit.SECTORS: 512}

    def value(self, raw: int, unit: Unit) -> int | float | str | None:
        """None: it is none that 64 bits can hold, or no letter."""
        if unit is Unit.LETTER:
            return chr(raw) if 32 < raw < 127 else None
        if unit is Unit.HUNDREDTHS:
            return raw / 100
        number = raw * 1000 // self.ticks if unit is Unit.TICKS else raw * self.factors.get(unit, 1)
        return number if -LARGEST <= number < LARGEST else None

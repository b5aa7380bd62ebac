"""Tier 1: the machine. Reads the system-wide sources and writes their rows.

Files that are read at every tick stay open: a read is then two system calls (vmstat three: the kernel gives it in
pieces, and the last sees the end), works without file descriptors to spare, and needs no kernel memory when there is
none. Sources that are absent are asked for again on slow ticks.
"""

import posix

from lastgasp.proc import (
    buddyinfo,
    counters,
    diskstats,
    dmabuf,
    files,
    loadavg,
    meminfo,
    net_dev,
    pressure,
    slabinfo,
    sockstat,
    stat,
    vmstat,
    zoneinfo,
    zram,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgasp.recorder.rows import Rows
    from lastgasp.ring.encoder import Table

SLAB_CACHES = 12


class KeptFile:
    """A file that is read again and again through one descriptor."""

    __slots__ = ("errno", "fd", "limit", "path")

    def __init__(self, path: bytes, limit: int) -> None:
        self.path = path
        self.limit = limit
        self.fd = -1
        self.errno = 0  # why it is absent; 0: it is there
        self.reopen()

    def reopen(self) -> None:
        """Try to open it if it is not open."""
        if self.fd < 0:
            try:
                self.fd = posix.open(self.path, posix.O_RDONLY | posix.O_CLOEXEC)
                self.errno = 0
            except OSError as error:
                self.errno = error.errno or 0

    def read(self) -> bytes | None:
        """Its contents, or None while it is absent."""
        if self.fd < 0:
            return None
        try:
            return files.read_fd(self.fd, self.limit)
        except OSError as error:
            self.errno = error.errno or 0
            self.close()
            return None

    def close(self) -> None:
        """Give the descriptor back."""
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            files.close(fd)


class Counted:
    """A "name value" file and the table its layout gives."""

    __slots__ = ("layout", "name", "suffix", "table", "wanted")

    def __init__(self, name: bytes, wanted: tuple[bytes, ...], suffix: bytes) -> None:
        self.name = name
        self.wanted = wanted
        self.suffix = suffix
        self.layout: counters.Layout | None = None
        self.table: Table | None = None

    def put(self, rows: "Rows", raw: bytes | None) -> tuple[int, ...] | None:
        """Write the row; returns its values in the order of ``layout.names``."""
        if not raw:
            return None
        values = counters.pick(raw, self.layout) if self.layout else None
        if values is None or self.table is None:
            self.layout = counters.learn(raw, self.wanted, self.suffix)
            if self.table is None or self.table.columns != self.layout.names:
                self.table = rows.encoder.table(self.name, self.layout.names)
            values = counters.pick(raw, self.layout)
        if values:
            rows.put(self.table, b"", values)
        return values

    def value(self, values: tuple[int, ...] | None, name: bytes) -> int | None:
        """One of the values that ``put`` returned."""
        if values is None or self.layout is None or name not in self.layout.names:
            return None
        return values[self.layout.names.index(name)]


class System:
    """All of tier 1. After ``fast``, the attributes hold what the rest of the agent decides by; None is unknown."""

    def __init__(self, rows: "Rows", root: bytes = b"/") -> None:
        """``root`` is where proc and sys are found."""
        self.rows = rows
        self.root = root
        self.total_kb: int | None = None
        self.available_kb: int | None = None
        self.stalled_us: int | None = None  # memory, some
        self.births: int | None = None  # clone() calls since boot
        self.oom_kills: int | None = None
        kept = self._kept = {
            name: KeptFile(root + b"proc/" + name, limit)
            for name, limit in (
                (b"meminfo", 8192), (b"vmstat", 16384), (b"stat", 65536), (b"loadavg", 256),
                (b"pressure/memory", 512), (b"pressure/io", 512), (b"pressure/cpu", 512),
                (b"buddyinfo", 8192), (b"diskstats", 16384), (b"net/dev", 8192),
            )
        }  # fmt: skip
        self.sources = list(kept.values())
        self._meminfo = Counted(b"meminfo", meminfo.FAST, b":")
        self._meminfo_slow = Counted(b"meminfo.slow", meminfo.SLOW, b":")
        self._vmstat = Counted(b"vmstat", vmstat.FAST, b"")
        self._vmstat_slow = Counted(b"vmstat.slow", vmstat.SLOW, b"")
        table = rows.encoder.table
        self._pressure = table(b"pressure", (b"some_us", b"full_us"))
        self._stat = table(b"stat", stat.COLUMNS)
        self._loadavg = table(b"loadavg", loadavg.COLUMNS)
        self._disks = table(b"diskstats", diskstats.COLUMNS)
        self._interfaces = table(b"net_dev", net_dev.COLUMNS)
        self._zones = table(b"zoneinfo", zoneinfo.COLUMNS)
        self._sockstat = table(b"sockstat", sockstat.COLUMNS)
        self._zram = table(b"zram", zram.COLUMNS)
        self._dmabuf = table(b"dmabuf", dmabuf.COLUMNS)
        self._slab = table(b"slabinfo", slabinfo.COLUMNS)
        self._buddy: Table | None = None

    def fast(self) -> None:
        """What is read at every tick."""
        kept, put = self._kept, self.rows.put
        raw = kept[b"meminfo"].read()
        values = self._meminfo.put(self.rows, raw)
        self.available_kb = self._meminfo.value(values, b"MemAvailable")
        if self.available_kb is None:  # before 3.14
            self.available_kb = self._meminfo.value(values, b"MemFree")
        values = self._vmstat.put(self.rows, kept[b"vmstat"].read())
        self.oom_kills = self._vmstat.value(values, b"oom_kill")
        self.stalled_us = None
        for name in (b"memory", b"io", b"cpu"):
            raw = kept[b"pressure/" + name].read()
            if raw:
                some, full = pressure.parse(raw)
                put(self._pressure, name, (some, full))
                if name == b"memory":
                    self.stalled_us = some
        raw = kept[b"stat"].read()
        if raw:
            cpu = stat.parse(raw)
            self.births = cpu[8]
            put(self._stat, b"", cpu)
        self._put_all(b"diskstats", self._disks, diskstats.parse)
        self._put_all(b"net/dev", self._interfaces, net_dev.parse)

    def detailed(self) -> None:
        """What is read at slow ticks, and at every tick under pressure."""
        raw = self._kept[b"meminfo"].read()
        values = self._meminfo_slow.put(self.rows, raw)
        self.total_kb = self._meminfo_slow.value(values, b"MemTotal")
        self._vmstat_slow.put(self.rows, self._kept[b"vmstat"].read())
        raw = self._kept[b"loadavg"].read()
        if raw:
            self.rows.put(self._loadavg, b"", loadavg.parse(raw))
        raw = self._kept[b"buddyinfo"].read()
        for zone, counts in buddyinfo.parse(raw or b""):
            if self._buddy is None or len(self._buddy.columns) != len(counts):
                orders = tuple([b"order%d" % order for order in range(len(counts))])
                self._buddy = self.rows.encoder.table(b"buddyinfo", orders)
            self.rows.put(self._buddy, zone, counts)
        self._read_zram()

    def slow(self) -> None:
        """What is read at slow ticks only."""
        for source in self.sources:
            source.reopen()
        put, proc = self.rows.put, self.root + b"proc/"
        for zone, marks in zoneinfo.parse(files.lines(proc + b"zoneinfo")):
            put(self._zones, zone, marks)
        put(
            self._sockstat,
            b"",
            sockstat.parse(files.read(proc + b"net/sockstat", 1024), files.read(proc + b"sys/fs/file-nr", 128)),
        )
        for cache, sizes in slabinfo.parse_largest(files.lines(proc + b"slabinfo"), SLAB_CACHES):
            put(self._slab, cache, sizes)
        buffers = self._read_dmabuf()
        if buffers != (None, None):
            put(self._dmabuf, b"", buffers)

    def _put_all(
        self, name: bytes, table: "Table", parse: "Callable[[bytes], list[tuple[bytes, tuple[int, ...]]]]"
    ) -> None:
        raw = self._kept[name].read()
        if raw:
            for key, values in parse(raw):
                self.rows.put(table, key, values)

    def _read_zram(self) -> None:
        block = self.root + b"sys/block/"
        for device in files.names(block) or ():
            if device.startswith(b"zram"):
                raw = files.read(block + device + b"/mm_stat", 256)
                if raw and not raw.lstrip().startswith(b"0 "):
                    self.rows.put(self._zram, device, zram.parse(raw))

    def _read_dmabuf(self) -> tuple[int | None, int | None]:
        """Totals from sysfs (CONFIG_DMABUF_SYSFS_STATS, 5.13 to 6.17), else from debugfs."""
        folder = self.root + b"sys/kernel/dmabuf/buffers/"
        buffers = files.names(folder)
        if buffers is None:
            return dmabuf.parse_bufinfo(files.lines(self.root + b"sys/kernel/debug/dma_buf/bufinfo"))
        total = 0
        for buffer in buffers:
            raw = (files.read(folder + buffer + b"/size", 32) or b"").strip()
            total += int(raw) if raw.isdigit() else 0
        return len(buffers), total

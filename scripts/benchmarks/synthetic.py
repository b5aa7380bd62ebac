"""A ring full of plausible samples, made through the real encoder and writer, in seconds instead of days.

100 processes, 15 of which change at each sample: most a little CPU, some their memory, one in 40 samples a death and
a birth. System rows move as on a device that works lightly, details and slow rows come round each twelfth sample.
The same seed makes the same samples.
"""

from __future__ import annotations

import posix
import random

from lastgasp.proc import diskstats, meminfo, net_dev, stat, vmstat
from lastgasp.recorder.agent import KEY_INTERVAL
from lastgasp.recorder.processes import COLUMNS, DETAILS
from lastgasp.recorder.rows import Rows
from lastgasp.ring.format import SAMPLE_PROCESSES, SAMPLE_SYSTEM
from lastgasp.ring.prepare import fill
from lastgasp.ring.storage import FileStorage
from lastgasp.ring.writer import Place, RingWriter

PROCESSES, CHANGING = 100, 15
INTERVAL_MS, SLOW_EVERY, BIRTH_EVERY = 5000, 12, 40
RSS, SHARED, MAJFLT, TICKS = 0, 1, 3, 4


class Unsynced(FileStorage):
    """A file that nobody needs after a power cut."""

    def sync(self) -> None:
        """Costs nothing."""


class Machine:
    """A device that lives in fast motion, and is recorded."""

    def __init__(self, writer: RingWriter, interval_ms: int, slow_every: int) -> None:
        self.writer = writer
        self.interval_ms = interval_ms
        self.slow_every = slow_every
        self.encoder = writer.encoder
        self.rows = Rows(self.encoder)
        self.random = random.Random(1)
        table = self.encoder.table
        self.processes = table(b"process", COLUMNS)
        self.details = table(b"process.details", DETAILS)
        self.system = [
            (table(b"meminfo", meminfo.FAST), [self.random.randrange(1 << 18) for _ in meminfo.FAST], 200, 0.6),
            (table(b"vmstat", vmstat.FAST), [self.random.randrange(1 << 16) for _ in vmstat.FAST], 20, 0.1),
            (table(b"stat", stat.COLUMNS), [self.random.randrange(1 << 20) for _ in stat.COLUMNS], 500, 0.6),
            (table(b"diskstats", diskstats.COLUMNS), [1000 for _ in diskstats.COLUMNS], 16, 0.4),
            (table(b"net_dev", net_dev.COLUMNS), [100000 for _ in net_dev.COLUMNS], 4000, 0.9),
        ]
        self.slow_table = table(b"meminfo.slow", meminfo.SLOW)
        self.slow_values = [self.random.randrange(1 << 18) for _ in meminfo.SLOW]
        self.now_ms = 60_000
        self.samples = 0
        self.next_pid = 300
        self.living: dict[int, list[int]] = {}
        for _ in range(PROCESSES):
            self.born()

    def born(self) -> None:
        """One more process."""
        self.next_pid += self.random.randint(1, 9)
        pid, rss = self.next_pid, self.random.randint(100, 5000)
        self.living[pid] = [rss, rss // 3, rss * 4, 0, 1, 1, 83]
        pairs = [(b"ppid", b"1"), (b"uid", b"0"), (b"exe", b"/usr/sbin/%s" % name(pid)), (b"cmdline", name(pid))]
        self.encoder.attributes(self.now_ms, self.processes, key(pid), pairs)

    def died(self, pid: int) -> None:
        """One less."""
        del self.living[pid]
        self.encoder.gone(self.now_ms, self.processes, pid, key(pid), [(b"exit_code", b"0")])
        self.encoder.forget(self.details, pid)

    def sample(self) -> None:
        """Live for an interval and record it."""
        chance, encoder = self.random, self.encoder
        self.now_ms += self.interval_ms
        self.samples += 1
        encoder.begin(self.now_ms, SAMPLE_SYSTEM | SAMPLE_PROCESSES)
        for table, values, step, share in self.system:
            values[:] = [v + chance.randint(0, step) if chance.random() < share else v for v in values]
            self.rows.put(table, b"", tuple(values))
        if self.samples % BIRTH_EVERY == 0:
            self.died(chance.choice(list(self.living)))
            self.born()
        busy = list(self.living)[: 2 * CHANGING]  # who works now is likely to work again
        for pid in chance.sample(busy, CHANGING):
            self.change(self.living[pid])
            self.put(pid)
        if self.samples % self.slow_every == 0:
            self.slow()
        encoder.end()

    def change(self, values: list[int]) -> None:
        """What a process does in an interval."""
        values[TICKS] += self.random.randint(1, 6)
        if self.random.random() < 0.4:
            step = self.random.randint(-16, 17)
            values[RSS] = max(values[SHARED] + 1, values[RSS] + step)
        if self.random.random() < 0.02:
            values[MAJFLT] += 1

    def put(self, pid: int) -> None:
        """Write a process's row."""
        values = tuple(self.living[pid])
        if not self.encoder.update(self.processes, pid, values):
            self.encoder.introduce(self.processes, pid, key(pid), name(pid), values)

    def slow(self) -> None:
        """What comes round slowly: a tenth of the details, the slow rows."""
        values = self.slow_values
        values[:] = [v + self.random.randint(-9, 9) if self.random.random() < 0.3 else v for v in values]
        self.rows.put(self.slow_table, b"", tuple(values))
        for pid in self.random.sample(list(self.living), PROCESSES // 10):
            rss = self.living[pid][RSS]
            details = (rss * 2, rss // 9, 0, *[rss + n for n in range(len(DETAILS) - 3)])
            if not self.encoder.update(self.details, pid, details):
                self.encoder.introduce(self.details, pid, key(pid), b"", details)


def name(pid: int) -> bytes:
    """What a process is called."""
    return b"%s%d" % ((b"sensord", b"netd", b"httpd", b"mqttd", b"rtcd", b"gpsd")[pid % 6], pid % 10)


def key(pid: int) -> bytes:
    """Pid and start time."""
    return b"%d@%d" % (pid, pid * 100)


def make(path: str, size: int, block_size: int, interval_ms: int = INTERVAL_MS, slow_every: int = SLOW_EVERY) -> int:
    """Write a full ring of ``size`` bytes to a new file; returns the number of samples written to it."""
    fd = posix.open(path, posix.O_RDWR | posix.O_CREAT | posix.O_TRUNC | posix.O_CLOEXEC, 0o600)
    try:
        storage = Unsynced(fd)
        slots = size // block_size
        fill(storage, 0, size, block_size)
        writer = RingWriter(
            storage, Place(1, slots, 0, 0, 0), block_size, bytes(range(16)), lambda: 10**18, KEY_INTERVAL
        )
        machine = Machine(writer, interval_ms, slow_every)
        while writer.blocks_written < slots:
            machine.sample()
    finally:
        posix.close(fd)
    return machine.samples

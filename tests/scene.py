"""A made-up device with an agent on it: what happens is said in a few lines, what is recorded goes through the real
encoder and ring writer into a file. No clock and no chance: the same scene gives the same bytes.
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lastgasp.proc import cgroup, net_dev, pid_smaps
from lastgasp.recorder.agent import OWN
from lastgasp.recorder.mappings import READING
from lastgasp.recorder.processes import COLUMNS, DETAILS
from lastgasp.recorder.rows import Rows
from lastgasp.ring import prepare
from lastgasp.ring.format import SAMPLE_PRESSURE, SAMPLE_PROCESSES, SAMPLE_SYSTEM
from lastgasp.ring.storage import FileStorage
from lastgasp.ring.writer import Place, RingWriter
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Recording

BLOCK_SIZE = 4096
RING_ID = 0x1122334455667789
MEMINFO = (
    "MemFree", "MemAvailable", "Buffers", "Cached", "SwapFree", "AnonPages", "Shmem", "SReclaimable", "SUnreclaim",
    "KernelStack", "PageTables", "Committed_AS", "CmaFree",
)  # fmt: skip
MACHINE = {
    "agent": "0.1.0",
    "kernel": "6.1.0",
    "machine": "armv7l",
    "host": "board",
    "page_size": "4096",
    "clock_ticks": "100",
    "cpus": "1",
    "os.pretty_name": "Buildroot 2025.02",
    "total_kb": "65536",
}
SLEEPING, ZOMBIE = ord("S"), ord("Z")
KMSG_ESCAPED = re.compile(rb"[^ -\x5b\x5d-~]")
Size = Callable[[float], float]  # kB of anonymous memory, by seconds since the process started


def _escape(match: re.Match[bytes]) -> bytes:
    return b"\\x%02x" % match[0][0]


@dataclass
class Program:
    """A process: who it is, and how large it is when."""

    pid: int
    name: bytes
    size: Size
    started_ms: int
    file_kb: int = 400
    swap_kb: int = 0
    adj: int | None = None  # with one of these, or swap, it has a row of details
    page_tables_kb: int | None = None
    oom_score: int | None = None
    uid: int | None = None
    command_line: bytes = b""
    exe: bytes = b""
    group: bytes = b""
    mapping: bytes = b"[heap]"
    state: int = SLEEPING
    cpu_ticks: int = 0
    told: bool = False
    kernel: bool = False
    parent: int = 1
    exiting: bool = False  # its memory is gone and it is not yet a zombie
    threads: Size = lambda _: 1
    files: Size | None = None  # open ones; None: they are not recorded

    @property
    def key(self) -> bytes:
        return b"%d@%d" % (self.pid, self.started_ms // 10)


def utc(text: str) -> int:
    """Nanoseconds since 1970 of "2026-11-23 14:00:00"."""
    return calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M:%S")) * 10**9


@dataclass
class Scene:
    """The device. Times are seconds of uptime; ``at_s`` is now."""

    path: Path
    slots: int = 64
    ring_id: int = RING_ID
    at_s: float = 0.0
    interval_s: float = 1.0
    programs: dict[int, Program] = field(default_factory=dict)
    meminfo: dict[str, int | None] = field(default_factory=dict)  # kB
    groups: dict[bytes, tuple[int | None, ...]] = field(default_factory=dict)
    interfaces: dict[bytes, tuple[int, ...]] = field(default_factory=dict)  # counters as net_dev has them
    stalled_us: int | None = 0
    oom_kills: int | None = 0
    own: dict[str, int] = field(default_factory=dict)
    pressure: bool = False
    unaccounted_kb: int = 6_000
    offset_ns: int = 0  # wall clock minus uptime

    def __post_init__(self) -> None:
        self.path.write_bytes(prepare.blank_block(BLOCK_SIZE)[:16].ljust(BLOCK_SIZE, b"\x5a") * self.slots)
        self.file = self.path.open("r+b", buffering=0)
        self.storage = FileStorage(self.file.fileno())
        self.meminfo |= {
            "MemFree": 20_000, "MemAvailable": 40_000, "Buffers": 1_000, "Cached": 15_000, "SwapFree": 0,
            "AnonPages": 8_000, "Shmem": 500, "SReclaimable": 3_000, "SUnreclaim": 4_000, "KernelStack": 600,
            "PageTables": 400,
        }  # fmt: skip

    # -- boots and runs --------------------------------------------------------------------------------

    def boot(self, number: int = 1, uptime_s: float = 10.0, wall: str | None = "2026-11-23 14:00:00") -> Scene:
        """The device starts, with nothing running; ``wall`` is what its clock says at ``uptime_s``."""
        self.at_s = uptime_s
        self.boot_id = bytes([number % 256, number // 256]) * 8
        self.offset_ns = utc(wall or "1970-01-01 00:00:00") - int(uptime_s * 1e9)
        self.programs.clear()
        self.meminfo["MemTotal"] = 65_536
        return self.start()

    def start(self, note: bytes = b"", **machine: str) -> Scene:
        """The agent starts."""
        place = prepare.find_place(self.storage, self.slots, BLOCK_SIZE).place
        self.writer = RingWriter(
            self.storage,
            place or Place(self.ring_id, self.slots, 0, 0, 0),
            BLOCK_SIZE,
            self.boot_id,
            lambda: self.offset_ns,
            4,
        )
        self.encoder = encoder = self.writer.encoder
        self.rows = Rows(encoder)
        columns = tuple(name.encode() for name in MEMINFO if self.meminfo.get(name) is not None)
        self.tables = {
            "meminfo": encoder.table(b"meminfo", columns),
            "meminfo.slow": encoder.table(b"meminfo.slow", (b"MemTotal", b"SwapTotal")),
            "vmstat": encoder.table(b"vmstat", (b"oom_kill",)),
            "pressure": encoder.table(b"pressure", (b"some_us", b"full_us")),
            "cgroup": encoder.table(b"cgroup", cgroup.COLUMNS),
            "net_dev": encoder.table(b"net_dev", net_dev.COLUMNS),
            "recorder": encoder.table(b"recorder", OWN),
            "process": encoder.table(b"process", COLUMNS),
            "details": encoder.table(b"process.details", DETAILS),
            "mappings": encoder.table(b"mappings", READING),
            "mapping": encoder.table(b"mapping", pid_smaps.COLUMNS),
            "slabinfo": encoder.table(
                b"slabinfo", (b"active_objects", b"objects", b"object_bytes", b"slabs", b"pages_per_slab")
            ),
        }
        for program in self.programs.values():
            program.told = False
        self.event("start", **({"note": note} if note else {}))
        self.event("machine", **{**MACHINE, **machine})
        return self

    def stop(self) -> Scene:
        """The agent is stopped properly."""
        self.event("stop")
        return self.flush()

    def flush(self) -> Scene:
        assert self.writer.flush()
        return self

    def load(self) -> Recording:
        """What the laptop sees."""
        (recording,) = load(str(self.path))
        return recording

    # -- what happens ----------------------------------------------------------------------------------

    def run(self, pid: int, name: bytes, size: Size | float, **more: object) -> Program:
        """A process starts now. ``size``: kB of anonymous memory, or a function of the seconds it has run."""
        curve = size if callable(size) else (lambda _, kb=size: kb)
        program = Program(pid, name, curve, round(self.at_s * 1000), **more)  # type: ignore[arg-type]
        self.programs[pid] = program
        return program

    def end(self, pid: int, code: int | None = 0) -> None:
        """A process is gone; ``code`` as wait(2) gives it."""
        program = self.programs.pop(pid)
        pairs = [] if code is None else [(b"exit_code", b"%d" % code)]
        self.encoder.gone(self.now_ms, self.tables["process"], program.key, program.key, pairs)

    def event(self, kind: str, **values: str | bytes) -> None:
        self.encoder.event(
            self.now_ms,
            kind.encode(),
            [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in values.items()],
        )

    def set_clock(self, wall: str) -> None:
        """Somebody sets the clock."""
        before, self.offset_ns = self.offset_ns, utc(wall) - self.now_ms * 1_000_000
        self.event("clock", **{"from": str(before), "to": str(self.offset_ns)})

    def kernel_says(self, *texts: bytes) -> None:
        """Records as /dev/kmsg gives them: what is not printable ASCII is escaped there."""
        self.encoder.kmsg(
            self.now_ms,
            [
                b"4,%d,%d,-;%s" % (self.now_ms + n, self.now_ms * 1000, KMSG_ESCAPED.sub(_escape, text))
                for n, text in enumerate(texts)
            ],
        )

    def oom_kill(self, pid: int, group: bytes = b"") -> None:
        """The kernel kills a process, says so, and the process is gone."""
        program = self.programs[pid]
        anon = int(program.size(self.at_s - program.started_ms / 1000))
        where = b"CONSTRAINT_MEMCG" if group else b"CONSTRAINT_NONE"
        scope = b"oom_memcg=%s," % group if group else b"global_oom,"
        self.kernel_says(
            b"%s invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0" % program.name,
            b"oom-kill:constraint=%s,nodemask=(null),cpuset=/,mems_allowed=0,%stask_memcg=/,task=%s,pid=%d,uid=0"
            % (where, scope, program.name, pid),
            b"%s: Killed process %d (%s) total-vm:99999kB, anon-rss:%dkB, file-rss:400kB, shmem-rss:0kB, UID:0"
            b" pgtables:60kB oom_score_adj:0"
            % (b"Memory cgroup out of memory" if group else b"Out of memory", pid, program.name, anon),
        )
        self.oom_kills = (self.oom_kills or 0) + 1
        self.end(pid, 9)

    # -- samples ---------------------------------------------------------------------------------------

    @property
    def now_ms(self) -> int:
        return round(self.at_s * 1000)

    def record(self, seconds: float, mappings_every: int = 0) -> Scene:
        """Time passes: a sample at every tick; the mappings of all processes at every so many ticks."""
        for n in range(round(seconds / self.interval_s)):
            self.sample(mappings=bool(mappings_every) and n % mappings_every == 0)
            self.at_s += self.interval_s
        return self

    def sample(self, mappings: bool = False) -> None:
        put, tables = self.rows.put, self.tables
        flags = SAMPLE_SYSTEM | SAMPLE_PROCESSES | (SAMPLE_PRESSURE if self.pressure else 0)
        for program in self.programs.values():
            if not program.told:
                self._identify(program)
        self._add_up()
        self.encoder.begin(self.now_ms, flags)
        columns = [name.decode() for name in tables["meminfo"].columns]
        put(tables["meminfo"], b"", tuple(self.meminfo[name] for name in columns))
        put(tables["meminfo.slow"], b"", (self.meminfo["MemTotal"], self.meminfo.get("SwapTotal") or 0))
        put(tables["vmstat"], b"", (self.oom_kills,))
        if self.stalled_us is not None:
            put(tables["pressure"], b"memory", (self.stalled_us, 0))
        for path, values in self.groups.items():
            put(tables["cgroup"], path, values)
        for name, counters in self.interfaces.items():
            put(tables["net_dev"], name, counters)
        if self.own:
            put(tables["recorder"], b"", tuple(self.own.get(name.decode(), 0) for name in OWN))
        for program in self.programs.values():
            self._write(program)
            if mappings:
                self._write_mappings(program)
        self.encoder.end()

    def _add_up(self) -> None:
        """The machine's memory is what its programs, files and kernel leave of it."""
        info = self.meminfo
        info["AnonPages"] = sum(self._anonymous_kb(program) for program in self.programs.values())
        names = ("Buffers", "Cached", "AnonPages", "SReclaimable", "SUnreclaim", "KernelStack", "PageTables")
        free = (info["MemTotal"] or 0) - self.unaccounted_kb - sum(info[name] or 0 for name in names)
        info["MemFree"] = free
        if info.get("MemAvailable") is not None:
            info["MemAvailable"] = free + (info["Cached"] or 0) - (info["Shmem"] or 0)

    def _identify(self, program: Program) -> None:
        program.told = True
        pairs = [(b"ppid", b"%d" % program.parent)]
        if program.kernel:
            pairs.append((b"kernel", b"1"))
        if program.exe:
            pairs.append((b"exe", program.exe))
        if program.command_line:
            pairs.append((b"cmdline", program.command_line))
        if program.uid is not None:
            pairs.append((b"uid", b"%d" % program.uid))
        if program.group:
            pairs.append((b"cgroup", program.group))
        self.encoder.attributes(self.now_ms, self.tables["process"], program.key, pairs)

    def _anonymous_kb(self, program: Program) -> int:
        return max(int(program.size(self.at_s - program.started_ms / 1000)), 0) if program.state != ZOMBIE else 0

    def _write(self, program: Program) -> None:
        resident = (self._anonymous_kb(program) - program.swap_kb + program.file_kb) // 4
        shared: int | None = program.file_kb // 4
        if program.state == ZOMBIE or program.exiting:
            resident = shared = 0
        if program.kernel:
            resident, shared = 0, None
        age_s = self.at_s - program.started_ms / 1000
        threads = int(program.threads(age_s))
        values = (resident, shared, 0 if program.exiting else 5000, 0, program.cpu_ticks, threads, program.state)
        if not self.encoder.update(self.tables["process"], program.key, values):
            self.encoder.introduce(self.tables["process"], program.key, program.key, program.name, values)
        known = {
            b"VmSwap": program.swap_kb or (None if program.page_tables_kb is None else 0),
            b"VmPTE": program.page_tables_kb,
            b"oom_score_adj": program.adj,
            b"oom_score": program.oom_score,
            b"fds": None if program.files is None else int(program.files(age_s)),
        }
        if any(value is not None for value in known.values()):
            self.rows.put(self.tables["details"], program.key, tuple(known.get(name) for name in DETAILS))

    def _write_mappings(self, program: Program) -> None:
        size = self._anonymous_kb(program)
        self.rows.put(self.tables["mappings"], program.key, (3, 3, 1, 100 + self.now_ms % 7))
        own = (size, size, size, size, size, 0)
        self.rows.put(self.tables["mapping"], program.key + b" " + program.mapping, own)
        self.rows.put(self.tables["mapping"], program.key + b" [others]", (900, 16, 16, 16, 16, 0))

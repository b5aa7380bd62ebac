"""The machine and every process at one sample of a recording, as ``free`` and ``top`` would have shown them then.

Values hold from when they were recorded: RSS is looked at with each sample, swap, page tables and oom_score_adj of a
few processes in turns (``details_age_ms``). CPU is what was used since the sample before. Growth is the slope of
resident anonymous memory over the GROWTH_MS (``snapshots``) before the instant; it is *steady* if each fifth of that
time has a higher floor than the one before. That tells it from a sawtooth and from a step, not from a warm-up. The OOM
rank is that of ``victim.next_victim``. None is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

from lastgasp.analysis.times import Moment


@dataclass(frozen=True, slots=True)
class Memory:
    """As /proc/meminfo had it, in bytes."""

    total: int | None
    available: int | None  # None: before Linux 3.14
    free: int | None
    buffers: int | None
    cached: int | None  # shmem is in it
    shmem: int | None
    anon: int | None
    slab_reclaimable: int | None
    slab_unreclaimable: int | None
    kernel_stack: int | None
    page_tables: int | None
    swap_total: int | None
    swap_free: int | None

    @property
    def used(self) -> int | None:
        """What cannot be had: total less available, or less what is free and cached where that is unknown."""
        if self.total is None:
            return None
        if self.available is not None:
            return max(self.total - self.available, 0)
        if self.free is None or self.cached is None:
            return None
        return max(self.total - self.free - self.cached - (self.buffers or 0) + (self.shmem or 0), 0)

    @property
    def swap_used(self) -> int | None:
        """Of swap."""
        return None if self.swap_total is None or self.swap_free is None else max(self.swap_total - self.swap_free, 0)


@dataclass(frozen=True, slots=True)
class Stall:
    """Shares of the time since the sample before in which tasks waited for something (PSI)."""

    resource: str  # "memory", "io" or "cpu"
    some: float | None  # some task
    full: float | None  # all tasks that had something to do; of the CPU only of groups, or zero


@dataclass(frozen=True, slots=True)
class Task:
    """One process at the instant."""

    pid: int
    key: bytes
    name: bytes  # its comm; raw
    program: bytes  # with the script of an interpreter
    command_line: bytes | None
    group: bytes | None
    uid: int | None
    kernel: bool  # a thread of the kernel
    state: str | None  # as the kernel's letter; S stands for running, too
    threads: int | None
    rss_bytes: int | None
    anon_bytes: int | None  # of it: neither files nor shared memory
    shared_bytes: int | None
    swap_bytes: int | None
    page_tables_bytes: int | None
    virtual_bytes: int | None
    cpu_share: float | None  # of one CPU, since the sample before
    growth_per_h: int | None  # bytes of anon_bytes
    growth_steady: bool | None  # None: seen too briefly to tell
    oom_rank: int | None  # 1: would be killed next; None: may not be killed, or not known
    oom_score_adj: int | None
    oom_score: int | None  # as the kernel showed it ``details_age_ms`` ago
    open_files: int | None
    started_ms: int  # since boot
    details_age_ms: int | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one sample."""

    at: Moment
    boots: int
    sample: int  # from 1, in its boot
    samples: int  # of the boot
    since_ms: int | None  # since the sample before; None: the first one of a run, or a gap lies in between
    pressure: bool  # taken under memory pressure
    memory: Memory
    load: tuple[float, float, float] | None
    cpu_share: float | None  # of all CPUs, since the sample before, waiting for disks left out
    cpus: int | None
    stall_share: float | None  # of that time, in which some task waited for memory (PSI)
    stalls: list[Stall]  # the same for whatever the kernel tells of
    tasks: list[Task]  # by pid
    lost: int  # processes that may have been there: not seen again after a gap
    untracked: int  # that the agent had no room to follow

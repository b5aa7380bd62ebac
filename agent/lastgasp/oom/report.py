"""What an OOM report says, typed. Made by ``parser``; whatever the kernel did not say is None, which is not zero.

Names (of tasks, groups, zones, caches) are bytes as they stood in the log, with the escapes of /dev/kmsg undone:
they come from an adversary. Sizes are in the unit that the field's name ends in; the kernel prints pages in some
lines and kB (1,024 bytes) in others, and both are kept as printed. Page size is not in the report; see ``page_kb``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Constraint(StrEnum):
    """Why not all memory would do (enum oom_constraint, mm/oom_kill.c)."""

    NONE = "CONSTRAINT_NONE"
    CPUSET = "CONSTRAINT_CPUSET"
    MEMORY_POLICY = "CONSTRAINT_MEMORY_POLICY"
    MEMCG = "CONSTRAINT_MEMCG"


class Killer(StrEnum):
    """Who decided to kill."""

    KERNEL = "kernel"
    EARLYOOM = "earlyoom"
    SYSTEMD_OOMD = "systemd-oomd"
    OOMD = "oomd"
    LMKD = "lmkd"
    NOHANG = "nohang"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in its source something stood: line numbers from 1, and the log's own times where it has any."""

    first_line: int
    last_line: int
    uptime_us: int | None  # of the first line, by the kernel's clock
    wall: bytes | None  # the date that the log prints before the first line, as printed


@dataclass(frozen=True, slots=True)
class Task:
    """One row of the task table. Memory in pages unless the name says otherwise."""

    pid: int
    name: bytes
    uid: int | None = None
    tgid: int | None = None
    total_vm: int | None = None
    rss: int | None = None
    rss_anon: int | None = None  # 6.8 and later, as the next two
    rss_file: int | None = None
    rss_shmem: int | None = None
    nr_ptes: int | None = None  # before 4.15: page tables of the lowest level, in pages
    nr_pmds: int | None = None  # 4.0 to 4.14
    pgtables_bytes: int | None = None  # 4.15 and later
    swapents: int | None = None
    cpu: int | None = None  # before 2.6.38 or so
    oom_adj: int | None = None  # the old scale
    oom_score_adj: int | None = None
    other: dict[bytes, bytes] = field(default_factory=dict)  # a vendor's columns, by their heading


@dataclass(frozen=True, slots=True)
class Zone:
    """One zone's line and its free lists."""

    node: int | None  # None where the kernel prints no "Node N"
    name: bytes  # DMA, DMA32, Normal, HighMem, Movable
    kb: dict[bytes, int]  # free, boost, min, low, high, managed, present, free_cma … as printed
    all_unreclaimable: bool | None = None
    lowmem_reserve_pages: tuple[int, ...] | None = None
    free_blocks: tuple[int, ...] | None = None  # of each order: how many
    free_block_types: tuple[bytes, ...] | None = None  # of each order: U M E H C I, as printed in brackets
    free_total_kb: int | None = None  # what the kernel adds them up to


@dataclass(frozen=True, slots=True)
class Memcg:
    """The memory control group whose limit was reached."""

    path: bytes | None = None  # whose limit it was
    task_path: bytes | None = None  # the group of the victim, or of who asked
    usage_kb: int | None = None
    limit_kb: int | None = None
    failcnt: int | None = None
    swap_usage_kb: int | None = None  # v2: swap; v1: memory+swap
    swap_limit_kb: int | None = None
    kmem_usage_kb: int | None = None
    kmem_limit_kb: int | None = None
    # memory.stat in bytes, or counts. Before 5.3 the KB printed, made bytes and added up over the groups below.
    stats: dict[bytes, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Victim:
    """One kill line: "Killed process …" in any of its forms, or the like of a user-space killer."""

    pid: int
    name: bytes
    tgid: int | None = None
    uid: int | None = None
    total_vm_kb: int | None = None
    anon_rss_kb: int | None = None
    file_rss_kb: int | None = None
    shmem_rss_kb: int | None = None
    pgtables_kb: int | None = None
    oom_score_adj: int | None = None
    rss_kb: int | None = None  # where it is told as one number: by user-space killers
    score: int | None = None  # "score S or sacrifice child", before 5.1; what a user-space killer went by
    how: bytes = b""  # what stood before "Killed process": Out of memory, Memory cgroup out of memory, …
    sacrificed_for: int | None = None  # pid of the parent in whose place this child was killed, before 5.1
    reaped: bool = False  # the oom_reaper said so
    not_reaped: bool = False  # the oom_reaper gave up: its memory stayed until it died by itself
    left_kb: dict[bytes, int] = field(default_factory=dict)  # anon, file, shmem: what it left


@dataclass(frozen=True, slots=True)
class Refusal:
    """An allocation that overcommit refused (vm.overcommit_memory): nobody is killed, the program gets ENOMEM."""

    pid: int
    name: bytes
    wanted_bytes: int | None = None  # 6.7 and later


@dataclass(slots=True)
class Report:
    """Everything from "invoked oom-killer" to the last line that belongs to it.

    A kill line without a report (they are rate-limited), a panic and a user-space killer's message are reports, too,
    with all else None.
    """

    place: Place
    killer: Killer = Killer.KERNEL
    reason: bytes | None = None  # a user-space killer's own words

    invoker: bytes | None = None
    invoker_pid: int | None = None  # from the "CPU: … PID: …" line
    invoker_cpu: int | None = None
    invoker_adj: int | None = None
    gfp_mask: int | None = None
    gfp_flags: tuple[bytes, ...] | None = None  # as printed; decoded by ``gfp`` where the kernel printed the mask only
    order: int | None = None  # 2^order pages were asked for; -1: by sysrq-f
    constraint: Constraint | None = None
    nodemask: bytes | None = None  # as printed: "0-1", "(null)"
    cpuset: bytes | None = None
    mems_allowed: bytes | None = None
    sysrq: bool = False  # somebody asked for a kill by hand
    allocating_task: bool = False  # vm.oom_kill_allocating_task chose the invoker
    memcg: Memcg | None = None
    group_kill: bytes | None = None  # memory.oom.group: all tasks of this group are killed

    kernel: bytes | None = None  # version, as uname -r has it
    hardware: bytes | None = None
    tainted: bytes | None = None
    call_trace: tuple[bytes, ...] = ()  # functions, innermost first

    counts: dict[bytes, int] = field(default_factory=dict)  # Mem-Info in pages: active_anon, slab_unreclaimable, …
    nodes: dict[int, dict[bytes, int]] = field(default_factory=dict)  # "Node N" lines, kB
    nodes_unreclaimable: dict[int, bool] = field(default_factory=dict)  # all_unreclaimable? of these, 4.8 and later
    hugepages: list[dict[bytes, int]] = field(default_factory=list)  # node, total, free, surp, size_kb
    zones: list[Zone] = field(default_factory=list)
    pagecache_pages: int | None = None
    swapcache_pages: int | None = None
    swap_free_kb: int | None = None
    swap_total_kb: int | None = None
    ram_pages: int | None = None
    highmem_pages: int | None = None
    reserved_pages: int | None = None
    cma_reserved_pages: int | None = None
    slab_kb: dict[bytes, tuple[int, int]] | None = None  # unreclaimable caches: used, total

    columns: tuple[bytes, ...] | None = None  # of the task table, by its heading
    tasks: list[Task] | None = None  # None: no table, which is not an empty one
    tasks_dropped: int = 0  # rows over the bound of what is kept
    chosen_pid: int | None = None  # by the "oom-kill:" line
    chosen_name: bytes | None = None
    chosen_uid: int | None = None
    chosen_memcg: bytes | None = None  # its control group, also where no group's limit was reached
    victims: list[Victim] = field(default_factory=list)
    panic: bytes | None = None  # the kernel's words
    exiting: Victim | None = None  # 5.9 and later: the chosen one was dying already, so nobody was killed
    refusal: Refusal | None = None  # a report of its own kind: all else is None
    no_killable: bool = False  # "Out of memory and no killable processes..."

    lines: int = 0  # of the kernel, from the report's first to the last that is the report's
    recognised: int = 0  # of these
    unknown: list[bytes] = field(default_factory=list)  # the first few that were not, for a bug report
    complete: bool = False  # the end was seen; else the log ends, or was cut

    @property
    def cut_table(self) -> bool:
        """Whether the log ends in the task table, so that those who come after are not known."""
        ended = self.complete or self.victims or self.panic is not None or self.exiting is not None
        return self.tasks is not None and not ended

    @property
    def page_kb(self) -> int | None:
        """kB in a page: what the kernel prints in both units tells; None where nothing does."""
        for zone in self.zones:
            if zone.free_blocks and zone.free_total_kb:
                pages = sum(count << order for order, count in enumerate(zone.free_blocks))
                if pages and zone.free_total_kb % pages == 0:
                    return zone.free_total_kb // pages
        for line in self.nodes.values():
            for name, kb in line.items():
                pages = self.counts.get(name, 0)
                if pages and kb and kb % pages == 0:
                    return kb // pages
        return None

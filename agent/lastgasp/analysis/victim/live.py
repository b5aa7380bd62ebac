"""Who was alive at an instant of a boot, with what the kernel would hold against each: candidates for being killed.

An instant is that of a sample. RSS is read at each; oom_score_adj, swap and page tables of a few processes in turns,
about once a minute, so they may be older than the instant (``details_ms`` tells). What was never read is None. Only adj
may come from after the instant (``adj_later``): it is set once in most processes, and sizes are not.

Not among the candidates: threads of the kernel, pid 1, processes without memory (zombies, those that exit). Not known
to be alive, and counted instead: who was not seen again after a gap of the recording, and whom the agent had no room
to follow. A process that the agent, started again, did not write anew had ended in between.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from lastgasp.analysis.anonymous import GONE_STATES
from lastgasp.analysis.fields import whole
from lastgasp.analysis.identity import KEY, program
from lastgasp.oom.badness import Era, Usage, era_of
from lastgasp.oom.era import version_of
from lastgasp.timeline.lookup import Lookup, Values
from lastgasp.timeline.model import Boot

FAST = (b"rss", b"vsize", b"state")
SLOW = (b"VmSwap", b"VmPTE", b"VmPMD", b"oom_score")
NOTHING = (None,) * len(SLOW)
ARM_TABLE_BYTES = 2048  # 32-bit ARM without LPAE: two tables share a page (PTRS_PER_PTE in pgtable-2level.h)

# RSS, swap, page tables, (adj, whether read later), oom_score, when the last four were read, when RSS was
_Held = tuple[int, int | None, int | None, tuple[int | None, bool], int | None, int | None, int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A process that might have been killed. Sizes in pages of the device, None where they were not recorded."""

    key: bytes
    pid: int
    name: bytes  # its latest comm, raw
    program: bytes  # as ``growth.program`` calls it
    group: bytes | None  # memory control group; None: the root group, or not recorded
    uid: int | None
    rss: int
    swap: int | None
    page_tables: int | None
    adj: int | None
    adj_later: bool  # adj was read only after the instant
    oom_score: int | None  # as the kernel showed it at ``details_ms``
    details_ms: int | None  # when swap, page tables, adj and oom_score were read
    stale: bool  # a gap lies between its RSS and the instant

    @property
    def usage(self) -> Usage:
        """For the arithmetic: what is not known counts as nothing. uid 0 stands for CAP_SYS_ADMIN."""
        return Usage(self.rss, self.swap or 0, self.page_tables or 0, self.adj or 0, self.uid == 0)


@dataclass(frozen=True, slots=True)
class Population:
    """All candidates at an instant, in the order of the kernel's list, and how many more there may have been."""

    at_ms: int
    candidates: list[Candidate]
    lost: int  # not seen after a gap: they may have ended in it
    untracked: int  # the agent had no room to follow them


@dataclass(frozen=True, slots=True)
class Ground:
    """What points are reckoned with."""

    era: Era
    era_known: bool  # else the kernel's version was not recorded, and the newest is taken
    ram_kb: int
    swap_kb: int | None  # None: not recorded, and taken as none
    page_size: int

    @property
    def total_pages(self) -> int:
        """RAM less reserved pages, which is what MemTotal says, and swap."""
        return max((self.ram_kb + (self.swap_kb or 0)) * 1024 // self.page_size, 1)


class Lives:
    """The processes of one boot."""

    def __init__(self, boot: Boot) -> None:
        self.boot = boot
        self.version = version_of(boot.machine().get("kernel"))
        self.page_size = boot.page_size
        arm = boot.machine().get("machine", b"").startswith(b"arm")
        self.table_size = ARM_TABLE_BYTES if arm else self.page_size
        self.starts = [event.at_ms for event in boot.events if event.kind == "start"]  # of the agent
        self._tuned: dict[bytes, list[tuple[int, int]]] = {}
        self._adjs: dict[bytes, tuple[list[int], list[int]]] = {}
        self._by_pid: dict[int, list[bytes]] = {}
        self._pids: dict[bytes, int] = {}
        self._memory = Lookup(boot, "meminfo.slow", b"", (b"MemTotal", b"SwapTotal"))
        self._rows: dict[tuple[str, bytes], Lookup] = {}
        for event in boot.events:
            new = whole(event.values.get("new"))
            if event.kind == "tune" and new is not None and "error" not in event.values:
                self._tuned.setdefault(event.values.get("key", b""), []).append((event.at_ms, new))
        for key, process in boot.processes.items():
            if KEY.fullmatch(key) and not process.kernel and process.pid != 1:
                self._pids[key] = process.pid
                self._by_pid.setdefault(process.pid, []).append(key)

    def everybody(self) -> list[bytes]:
        """The keys of all that may ever be candidates."""
        return [key for keys in self._by_pid.values() for key in keys]

    def of_pid(self, pid: int) -> list[bytes]:
        """Those that had one pid, one after another."""
        return self._by_pid.get(pid, [])

    def ground(self, at_ms: int) -> Ground | None:
        """None: RAM is not recorded, or the kernel is older than 2.6.36, when run time and forks made points, too."""
        boot = self.boot
        _, (ram_kb, swap_kb) = self._memory.at(at_ms) or (0, (None, None))
        ram_kb = ram_kb or boot.latest("meminfo.slow", b"", "MemTotal")
        ram_kb = ram_kb or whole(boot.machine().get("total_kb"))
        era = era_of(self.version or (1000,))
        if not ram_kb or ram_kb < 0 or era is None:
            return None
        return Ground(era, self.version is not None, ram_kb, swap_kb, self.page_size)

    def at(self, at_ms: int) -> Population:
        """Everybody at the instant of a sample."""
        found: list[Candidate] = []
        lost = untracked = 0
        for key in self.everybody():
            seen = self._seen(key, at_ms)
            if seen is None:
                continue
            if self._dropped(key, seen[0], at_ms):
                untracked += 1
            elif self._lost(key, seen[0], at_ms):
                lost += 1
            else:
                candidate = self.candidate(key, at_ms)
                found += [candidate] if candidate is not None else []
        _, (counted,) = Lookup(self.boot, "recorder", b"", (b"untracked",)).at(at_ms) or (0, (None,))
        untracked = max(untracked, counted or 0)
        return Population(at_ms, sorted(found, key=lambda one: order(one.key)), lost, untracked)

    def candidate(self, key: bytes, at_ms: int) -> Candidate | None:
        """One of them at the instant of a sample; None where it was not there or had no memory, or that isn't known."""
        held = self._held(key, at_ms)
        if held is None:
            return None
        rss, swap, tables, (adj, later), oom_score, details_ms, seen_ms = held
        process = self.boot.processes[key]
        return Candidate(
            key,
            process.pid,
            process.name,
            program(process),
            process.attributes.get("cgroup"),
            whole(process.attributes.get("uid")),
            rss,
            swap,
            tables,
            adj,
            later,
            oom_score,
            details_ms,
            self.boot.gap_between(seen_ms, at_ms)
            or (details_ms is not None and self.boot.gap_between(details_ms, at_ms)),
        )

    def usage(self, key: bytes, at_ms: int) -> Usage | None:
        """``candidate(…).usage``, for those who ask often."""
        held = self._held(key, at_ms)
        if held is None:
            return None
        rss, swap, tables, (adj, _), *_ = held
        privileged = self.boot.processes[key].attributes.get("uid") == b"0"
        return Usage(rss, swap or 0, tables or 0, adj or 0, privileged)

    def most(self, key: bytes) -> Usage:
        """At least as much as it ever held, with the highest adj that it ever had."""
        rss, *_ = self._row("process", key).most() or (0,)
        swap_kb, low, middle, _ = self._row("process.details", key).most() or NOTHING
        self._adj(key, 0)
        adj = max(self._adjs[key][1], default=0)
        return Usage(max(rss or 0, 0), (swap_kb or 0) * 1024 // self.page_size, self._tables(low, middle) or 0, adj)

    def _held(self, key: bytes, at_ms: int) -> _Held | None:
        seen = self._seen(key, at_ms)
        if seen is None or self._dropped(key, seen[0], at_ms) or self._lost(key, seen[0], at_ms):
            return None
        seen_ms, (rss, vsize, state) = seen
        if rss is None or state in GONE_STATES or not vsize:
            return None
        details_ms, (swap_kb, low, middle, oom_score) = self._row("process.details", key).at(at_ms) or (None, NOTHING)
        swap = None if swap_kb is None else swap_kb * 1024 // self.page_size
        return max(rss, 0), swap, self._tables(low, middle), self._adj(key, at_ms), oom_score, details_ms, seen_ms

    def _row(self, table: str, key: bytes) -> Lookup:
        rows = self._rows.get((table, key))
        if rows is None:
            rows = self._rows[table, key] = Lookup(self.boot, table, key, FAST if table == "process" else SLOW)
        return rows

    def _seen(self, key: bytes, at_ms: int) -> tuple[int, Values] | None:
        """Its row, if by this the process was there at the instant, or may have been."""
        process = self.boot.processes[key]
        if process.gone_ms is not None and process.gone_ms <= at_ms:
            return None
        seen = self._row("process", key).at(at_ms)
        if seen is None or seen[0] < self._run_began(at_ms):
            return None
        same_pid = self._by_pid[self._pids[key]]
        if len(same_pid) > 1 and self._replaced(key, same_pid, at_ms):
            return None
        return seen

    def _replaced(self, key: bytes, same_pid: list[bytes], at_ms: int) -> bool:
        """Whether a later process has its pid by then: it must have ended before."""
        return any(
            order(other) > order(key) and self._row("process", other).at(at_ms) is not None for other in same_pid
        )

    def _run_began(self, at_ms: int) -> int:
        number = bisect_right(self.starts, at_ms)
        return self.starts[number - 1] if number else 0

    def _dropped(self, key: bytes, seen_ms: int, at_ms: int) -> bool:
        """Whether the agent has followed it no longer since it last wrote it."""
        dropped = self.boot.processes[key].untracked_ms
        return dropped is not None and seen_ms <= dropped <= at_ms

    def _lost(self, key: bytes, seen_ms: int, at_ms: int) -> bool:
        """Whether it was last written before a gap, and nothing tells that it lived on."""
        return self.boot.gap_between(seen_ms, at_ms) and not self._seen_later(key, at_ms)

    def _seen_later(self, key: bytes, at_ms: int) -> bool:
        if self.boot.processes[key].gone_ms is not None:
            return True
        return any(self._row(table, key).written_after(at_ms) for table in ("process", "process.details"))

    def _adj(self, key: bytes, at_ms: int) -> tuple[int | None, bool]:
        """Its oom_score_adj, and whether that was read only later."""
        if key not in self._adjs:
            times, values = self.boot.points("process.details", key, "oom_score_adj")
            known = sorted([*zip(times, values, strict=True), *self._tuned.get(key, [])])
            self._adjs[key] = [at for at, _ in known], [value for _, value in known]
        at, adjs = self._adjs[key]
        number = bisect_right(at, at_ms)
        if number:
            return adjs[number - 1], False
        return (adjs[0], True) if adjs else (None, False)

    def _tables(self, low_kb: int | None, middle_kb: int | None) -> int | None:
        """Page tables as badness counts them: in tables up to 4.14 (nr_ptes, nr_pmds), by their bytes since."""
        if low_kb is None:
            return None
        if self.version is not None and self.version < (4, 15):
            return low_kb * 1024 // self.table_size + (middle_kb or 0) * 1024 // self.page_size
        return low_kb * 1024 // self.page_size


def sample_at(boot: Boot, at_ms: int) -> int | None:
    """The instant of the last sample up to a moment; None before the first."""
    number = bisect_right(boot.sample_at, at_ms)
    return boot.sample_at[number - 1] if number else None


def sample_before(boot: Boot, at_ms: int) -> int | None:
    """The instant of the last sample that was taken before a moment."""
    number = bisect_left(boot.sample_at, at_ms)
    return boot.sample_at[number - 1] if number else None


def order(key: bytes) -> tuple[int, int]:
    """Where a process stands in the kernel's list, which is by start."""
    pid, _, start = key.partition(b"@")
    return int(start), int(pid)

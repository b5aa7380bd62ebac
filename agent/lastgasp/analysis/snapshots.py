"""Snapshots made: one sample after another, looked up in what was recorded (``snapshot`` says what they are)."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise

from lastgasp.analysis.anonymous import GONE_STATES
from lastgasp.analysis.fields import whole
from lastgasp.analysis.identity import clock_ticks, program, started_ms
from lastgasp.analysis.presence import Parting, Presence, presences
from lastgasp.analysis.snapshot import Memory, Snapshot, Stall, Task
from lastgasp.analysis.times import moment
from lastgasp.analysis.victim.instants import Instant
from lastgasp.analysis.victim.live import Candidate, Lives
from lastgasp.analysis.victim.next_victim import as_process, passed_over
from lastgasp.oom.ranking import rank
from lastgasp.oom.what_if import Change
from lastgasp.timeline.lookup import Lookup
from lastgasp.timeline.model import Boot, Recording

GROWTH_MS, GROWTH_LEAST_MS = 600_000, 30_000
FIFTHS, LOOKS = 5, 4  # looks at a curve in each fifth
HOUR_MS = 3_600_000
KB = 1024
FAST = (b"rss", b"shared", b"vsize", b"cpu_ticks", b"threads", b"state")
SLOW = (b"VmSwap", b"VmPTE", b"oom_score", b"oom_score_adj", b"fds")
MEMORY = ("MemFree", "MemAvailable", "Buffers", "Cached", "Shmem", "AnonPages", "SReclaimable", "SUnreclaim")
KERNEL = ("KernelStack", "PageTables", "SwapFree")
TOTALS = ("MemTotal", "SwapTotal")
CPU = ("user", "nice", "system", "iowait", "irq", "softirq", "steal")
WAITING = CPU.index("iowait")
STALLS = ("memory", "io", "cpu")


class Snapshots:
    """For those who ask for many instants of one recording: what was looked up stays known."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._boots: dict[int, _Boot] = {}

    def at(self, instant: Instant) -> Snapshot:
        """At the instant of a sample."""
        boots = self.recording.boots
        if instant.boot not in self._boots:
            self._boots[instant.boot] = _Boot(boots[instant.boot])
        of = self._boots[instant.boot]
        boot, at_ms = of.boot, instant.at_ms
        number = bisect_left(boot.sample_at, at_ms)
        before_ms = of.before(number, at_ms)
        since_ms = None if before_ms is None else at_ms - before_ms
        tasks = of.tasks(at_ms, before_ms)
        there = [one for one in of.there if one.from_ms <= at_ms]
        stalls = of.stalls(at_ms, before_ms)
        return Snapshot(
            moment(boots, instant.boot, at_ms),
            len(boots),
            number + 1,
            len(boot.sample_at),
            since_ms,
            boot.pressed(number),
            of.memory(at_ms),
            of.load(at_ms),
            of.cpu(at_ms, before_ms),
            of.cpus,
            next((stall.some for stall in stalls if stall.resource == "memory"), None),
            stalls,
            tasks,
            sum(one.parting is Parting.LOST and not one.covers(at_ms) for one in there),
            max(
                sum(one.parting is Parting.UNTRACKED and not one.covers(at_ms) for one in there),
                of.row("recorder", b"", (b"untracked",), at_ms)[0] or 0,
            ),
        )


class _Boot:
    """One boot, with what was looked up in it."""

    def __init__(self, boot: Boot) -> None:
        self.boot = boot
        self.there: list[Presence] = sorted(presences(boot), key=lambda one: (one.process.pid, one.start))
        self.lives = Lives(boot)
        self.ticks = clock_ticks(boot)
        self.cpus = whole(boot.machine().get("cpus"))
        self.starts = [event.at_ms for event in boot.events if event.kind == "start"]
        self._rows: dict[tuple[str, bytes], Lookup] = {}

    def row(self, table: str, key: bytes, columns: tuple[bytes, ...], at_ms: int) -> tuple[int | None, ...]:
        """What held at a moment; all None where nothing is known. A table is asked for the same columns each time."""
        _, values = self.seen(table, key, columns, at_ms) or (0, (None,) * len(columns))
        return values

    def seen(
        self, table: str, key: bytes, columns: tuple[bytes, ...], at_ms: int
    ) -> tuple[int, tuple[int | None, ...]] | None:
        """The same, with when it was written; None: not yet, or a gap lies in between for what is no process."""
        lookup = self._rows.get((table, key))
        if lookup is None:
            lookup = self._rows[table, key] = Lookup(self.boot, table, key, columns)
        found = lookup.at(at_ms)
        if found is not None and not table.startswith("process") and self.boot.gap_between(found[0], at_ms):
            return None
        return found

    def before(self, number: int, at_ms: int) -> int | None:
        """The sample before, if the agent ran all the time since and nothing is missing."""
        if not number:
            return None
        before_ms = self.boot.sample_at[number - 1]
        broken = self.boot.gap_between(before_ms, at_ms) or any(before_ms < at <= at_ms for at in self.starts)
        return None if broken or before_ms >= at_ms else before_ms

    # -- the machine -----------------------------------------------------------------------------------

    def memory(self, at_ms: int) -> Memory:
        """What meminfo said."""
        names = tuple(name.encode() for name in (*MEMORY, *KERNEL))
        kb = [None if value is None else value * KB for value in self.row("meminfo", b"", names, at_ms)]
        totals = tuple(name.encode() for name in TOTALS)
        total, swap = (None if v is None else v * KB for v in self.row("meminfo.slow", b"", totals, at_ms))
        free, available, buffers, cached, shmem, anon, soft, hard, stack, tables, swap_free = kb
        if total is None:
            known = whole(self.boot.machine().get("total_kb"))
            total = None if known is None else known * KB
        return Memory(total, available, free, buffers, cached, shmem, anon, soft, hard, stack, tables, swap, swap_free)

    def load(self, at_ms: int) -> tuple[float, float, float] | None:
        """Load averages."""
        columns = (b"load1_percent", b"load5_percent", b"load15_percent")
        one, five, fifteen = self.row("loadavg", b"", columns, at_ms)
        return None if one is None or five is None or fifteen is None else (one / 100, five / 100, fifteen / 100)

    def cpu(self, at_ms: int, before_ms: int | None) -> float | None:
        """Of all CPUs."""
        columns = tuple(name.encode() for name in CPU)
        if before_ms is None or not self.cpus or self.cpus < 0:
            return None
        now, then = (self.row("stat", b"", columns, at) for at in (at_ms, before_ms))
        used = [
            new - old
            for place, (new, old) in enumerate(zip(now, then, strict=True))
            if new is not None and old is not None and place != WAITING
        ]
        if not used:
            return None
        return min(max(sum(used) * 1000 / self.ticks / (at_ms - before_ms) / self.cpus, 0.0), 1.0)

    def stalls(self, at_ms: int, before_ms: int | None) -> list[Stall]:
        """Those that are known."""
        found = []
        for resource in STALLS if before_ms is not None else ():
            assert before_ms is not None
            now, then = (
                self.row("pressure", resource.encode(), (b"some_us", b"full_us"), at) for at in (at_ms, before_ms)
            )
            some, full = (
                None if a is None or b is None else min(max((b - a) / 1000 / (at_ms - before_ms), 0.0), 1.0)
                for a, b in zip(then, now, strict=True)
            )
            if some is not None or full is not None:
                found.append(Stall(resource, some, full))
        return found

    # -- processes -------------------------------------------------------------------------------------

    def tasks(self, at_ms: int, before_ms: int | None) -> list[Task]:
        """Who was there."""
        candidates = self.lives.at(at_ms).candidates
        ranks = self.ranks(candidates, at_ms)
        adjs = {one.key: one.adj for one in candidates}
        return [
            self.task(one, at_ms, before_ms, ranks.get(one.key), adjs.get(one.key))
            for one in self.there
            if one.covers(at_ms)
        ]

    def ranks(self, candidates: list[Candidate], at_ms: int) -> dict[bytes, int]:
        """OOM ranks by key; empty where the kernel's arithmetic cannot be done."""
        ground = self.lives.ground(at_ms)
        if ground is None:
            return {}
        spared = passed_over(self.lives, candidates, ground)
        looked_at = [one for one in candidates if one.key not in spared]
        ranked = rank([as_process(one, Change()) for one in looked_at], ground.era, ground.total_pages)
        return {looked_at[one.place].key: one.rank for one in ranked if one.rank is not None}

    def task(self, one: Presence, at_ms: int, before_ms: int | None, oom_rank: int | None, adj: int | None) -> Task:
        """One of them."""
        size, process = self.boot.page_size, one.process
        rss, shared, vsize, ticks, threads, state = self.row("process", one.key, FAST, at_ms)
        details = self.seen("process.details", one.key, SLOW, at_ms)
        swap_kb, tables_kb, score, read_adj, files = details[1] if details is not None else (None,) * len(SLOW)
        return Task(
            process.pid,
            one.key,
            process.name,
            program(process),
            process.attributes.get("cmdline"),
            process.attributes.get("cgroup"),
            whole(process.attributes.get("uid")),
            process.kernel,
            chr(state) if state is not None and 32 < state < 127 else None,
            threads,
            None if rss is None else rss * size,
            None if rss is None or shared is None else (rss - shared) * size,
            None if shared is None else shared * size,
            None if swap_kb is None else swap_kb * KB,
            None if tables_kb is None else tables_kb * KB,
            None if vsize is None else vsize * size,
            self.cpu_of(one, ticks, at_ms, before_ms),
            *((None, None) if process.kernel or state in GONE_STATES else self.growth(one, at_ms)),
            oom_rank,
            adj if adj is not None else read_adj,  # what the agent set, or what was read only later, counts, too
            score,
            files,
            started_ms(process, self.ticks),
            None if details is None else at_ms - details[0],
        )

    def cpu_of(self, one: Presence, ticks: int | None, at_ms: int, before_ms: int | None) -> float | None:
        """Of one CPU; unknown for who was not there at the sample before."""
        if before_ms is None or ticks is None or not one.covers(before_ms):
            return None
        then = self.row("process", one.key, FAST, before_ms)[3]
        return None if then is None else max((ticks - then) * 1000 / self.ticks / (at_ms - before_ms), 0.0)

    def growth(self, one: Presence, at_ms: int) -> tuple[int | None, bool | None]:
        """Bytes of anonymous memory an hour, and whether it grew steadily; None: seen too briefly to tell."""
        from_ms = max(at_ms - GROWTH_MS, one.from_ms)
        if at_ms - from_ms < GROWTH_LEAST_MS:
            return None, None
        sizes = []
        for look in range(FIFTHS * LOOKS + 1):
            moment_ms = from_ms + (at_ms - from_ms) * look // (FIFTHS * LOOKS)
            rss, shared, *_ = self.row("process", one.key, FAST, moment_ms)
            if rss is None or shared is None:
                return None, None
            sizes.append((rss - shared) * self.boot.page_size)
        floors = [min(sizes[fifth * LOOKS :][: LOOKS + 1]) for fifth in range(FIFTHS)]
        steady = all(earlier < later for earlier, later in pairwise(floors))
        return (sizes[-1] - sizes[0]) * HOUR_MS // (at_ms - from_ms), steady

"""What a recording tells of its settings, with or without a kill: who is shielded, what swap and promises came to.

Pure, and of the whole recording: sizes of processes are those of the last boot's last samples, promises those of all
its boots. What was not recorded is None.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from lastgasp.analysis.advice.promises import promised
from lastgasp.analysis.anonymous import GONE_STATES
from lastgasp.analysis.facts import Facts
from lastgasp.analysis.growth import life_until
from lastgasp.analysis.memory import KB
from lastgasp.analysis.times import Moment, moment
from lastgasp.oom.badness import ADJ_MIN
from lastgasp.oom.overcommit import Answer
from lastgasp.timeline.model import Boot, Process, Recording


@dataclass(frozen=True, slots=True)
class Shield:
    """A process that may not be killed (oom_score_adj -1000)."""

    name: bytes
    pid: int
    rss_kb: int
    per_s: float  # bytes a second, where it leaks beyond doubt; else 0


@dataclass(frozen=True, slots=True)
class Refused:
    """The first refusal that vm.overcommit_memory=2 would have brought, and who most likely asked then."""

    at: Moment
    committed_kb: int
    name: bytes | None  # whose address space grew most at that sample; None: nobody's did
    pid: int | None
    grown_kb: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What settings have to fit. Sizes in kB."""

    settings: Mapping[str, bytes]  # "vm.swappiness" …, as recorded last
    ram_kb: int | None
    swap_kb: int | None
    swap_most_kb: int | None  # used at most
    zram: bool
    anon_most_kb: int | None
    available_least_kb: int | None
    shields: tuple[Shield, ...]  # the largest first
    overcommit: Answer | None  # mode 2, with the ratio that was recorded; the boot where most was promised
    refused: Refused | None
    saves_log: bool  # some of it came from RAM that survives a reset


def standing(recording: Recording, facts: Facts) -> Standing:
    """Find out. Never raises on what a recording holds."""
    answers = [promised(boot) for boot in recording.boots]
    promises = {index: answer for index, answer in enumerate(answers) if answer is not None}
    boot = recording.boots[-1]
    settings: dict[str, bytes] = {}
    for one in recording.boots:
        settings |= {name: value for name, value in one.machine().items() if name.startswith("vm.")}
    worst = max(promises, key=lambda index: (promises[index].over, -(promises[index].room_kb or 0)), default=None)
    answer = promises[worst] if worst is not None else None
    swap_used = next((track.high for track in facts.memory if track.name == "swap used"), None)
    highs = {track.name: track.high for track in facts.memory}
    lows = {track.name: track.low for track in facts.memory}
    available = lows.get("available", lows.get("free"))
    return Standing(
        settings=settings,
        ram_kb=boot.latest("meminfo.slow", b"", "MemTotal"),
        swap_kb=boot.latest("meminfo.slow", b"", "SwapTotal"),
        swap_most_kb=swap_used // KB if swap_used is not None else None,
        zram=any(one.rows("zram") for one in recording.boots),
        anon_most_kb=highs["anonymous"] // KB if "anonymous" in highs else None,
        available_least_kb=available // KB if available is not None else None,
        shields=tuple(_shields(recording.boots)),
        overcommit=answer,
        refused=_refused(recording.boots, worst, answer) if worst is not None and answer is not None else None,
        saves_log=any(one.recovered for one in recording.boots),
    )


def _shields(boots: list[Boot]) -> list[Shield]:
    index, boot = len(boots) - 1, boots[-1]
    found = []
    for process in boot.processes.values():
        if process.kernel or not _alive(boot, process):
            continue
        if boot.latest("process.details", process.key, "oom_score_adj") != ADJ_MIN:
            continue
        rss = boot.latest("process", process.key, "rss") or 0
        life = life_until(boots, index, process, boot.last_ms)
        per_s = life.verdict.per_s if life is not None and life.leaks else 0.0
        found.append(Shield(process.name, process.pid, rss * boot.page_size // KB, per_s))
    return sorted(found, key=lambda shield: -shield.rss_kb)


def _alive(boot: Boot, process: Process) -> bool:
    return process.gone_ms is None and boot.latest("process", process.key, "state") not in GONE_STATES


def _refused(boots: list[Boot], index: int, answer: Answer) -> Refused | None:
    if answer.first is None:
        return None
    boot, at_ms = boots[index], int(answer.first.time)
    place = bisect_left(boot.sample_at, at_ms)
    before_ms = boot.sample_at[place - 1] if place > 0 else at_ms
    most: tuple[int, Process | None] = (0, None)
    for process in boot.processes.values():
        times, pages = boot.points("process", process.key, "vsize")
        now, before = bisect_right(times, at_ms) - 1, bisect_right(times, before_ms) - 1
        if now < 0 or process.kernel or (process.gone_ms is not None and process.gone_ms < at_ms):
            continue
        grown = pages[now] - (pages[before] if before >= 0 else 0)
        if grown > most[0] and place > 0:
            most = grown, process
    grown_kb = most[0] * boot.page_size // KB
    name, pid = (most[1].name, most[1].pid) if most[1] is not None else (None, None)
    return Refused(moment(boots, index, at_ms), answer.first.committed_kb, name, pid, grown_kb)

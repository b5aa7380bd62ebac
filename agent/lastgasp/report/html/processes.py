"""The lives of processes that the chart of processes shows, each with what was recorded of its memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lastgasp.analysis.anonymous import GONE_STATES
from lastgasp.analysis.facts import Facts
from lastgasp.analysis.identity import program, user_processes
from lastgasp.analysis.parts import columns
from lastgasp.report.html.axis import Axis
from lastgasp.report.html.frame import Frame
from lastgasp.report.visible import visible
from lastgasp.timeline.model import Boot, Process

METRICS = ("rss", "anon", "uss", "pss", "swap")
TOP = 12  # of each metric, in all boots together
OF_FACTS = 8  # programs that grew
MOST = 60
POINTS = 24_000  # of all together
POINTS_LEAST, POINTS_MOST = 60, 1_200  # of one metric of one process
KB = 1024


@dataclass(slots=True)
class Life:
    """One process. ``highest``: of each metric (kB)."""

    boot: int  # from 0
    process: Process
    highest: dict[str, int] = field(default_factory=dict)


def processes(axis: Axis, facts: Facts, points: int = POINTS) -> dict[str, object]:
    """Frames of the processes that were the largest in any metric, that grew, or that were killed."""
    lives = [
        Life(index, process, _highest(boot, process.key))
        for index, boot in enumerate(axis.boots)
        for process in user_processes(boot)
    ]
    chosen = _chosen(lives, axis, facts)
    most = min(max(points // max(len(chosen), 1), POINTS_LEAST), POINTS_MOST)
    read = sum(bool(boot.rows("mappings").get(life.process.key)) for life in chosen for boot in [axis.boots[life.boot]])
    return {
        "lives": [_life(axis, life, most) for life in chosen],
        "total": len(lives),
        "read": read,
        "metrics": [metric for metric in METRICS if any(life.highest.get(metric) for life in chosen)],
    }


def _chosen(lives: list[Life], axis: Axis, facts: Facts) -> list[Life]:
    named = {(growth.worst.boot - 1, growth.worst.key) for growth in facts.growth[:OF_FACTS]}
    pids = {(event.at.boot - 1, event.victim_pid) for event in facts.ooms if event.victim_pid is not None}
    first = [
        life
        for life in lives
        if (life.boot, life.process.key) in named or (life.boot, life.process.pid) in pids
    ]  # fmt: skip
    ranked = [
        sorted((life for life in lives if life.highest.get(metric)), key=lambda one: -one.highest[metric])
        for metric in METRICS
    ]
    for index in range(len(axis.boots)):  # each boot has something to show
        here = [life for life in lives if life.boot == index]
        ranked.append(sorted(here, key=lambda one: -one.highest.get("rss", 0))[: max(TOP // len(axis.boots), 1)])
    found = {id(life): life for life in first[: MOST // 2]}
    for place in range(TOP):
        for row in ranked:
            if place < len(row) and len(found) < MOST:
                found[id(row[place])] = row[place]
    return sorted(found.values(), key=lambda life: (-life.highest.get("rss", 0), life.boot, life.process.pid))


def _highest(boot: Boot, key: bytes) -> dict[str, int]:
    """The highest value of each metric, as far as one can tell without looking at each moment."""
    kb = boot.page_size // KB or 1
    rss = boot.points("process", key, "rss")[1]
    shared = boot.points("process", key, "shared")[1]
    anon = max(map(int.__sub__, rss, shared), default=0) if len(rss) == len(shared) else 0
    found = {"rss": max(rss, default=0) * kb, "anon": anon * kb}
    swap = boot.points("process.details", key, "VmSwap")[1]
    found["swap"] = max(swap, default=0)
    if boot.rows("mappings").get(key):
        found["pss"] = found["uss"] = found["rss"]  # they are no more than that
    return found


def _life(axis: Axis, life: Life, most: int) -> dict[str, object]:
    boot, process = axis.boots[life.boot], life.process
    sizes, end_ms = _resident(boot, process)
    found: dict[str, object] = {
        "pid": process.pid,
        "name": visible(program(process)),
        "boot": life.boot,
    }
    frames = {"sizes": sizes, "swap": _swap(boot, process), "mappings": _mapped(boot, process)}
    for name, (times, values) in frames.items():
        if times:
            frame = Frame()
            frame.add(axis, life.boot, times, dict(values), end_ms)
            found[name] = frame.encoded(most)
    return found


Values = tuple[list[int], dict[str, list[int | None]]]


def _resident(boot: Boot, process: Process) -> tuple[Values, int | None]:
    """RSS and what of it is anonymous, up to its end."""
    kb = boot.page_size // KB or 1
    times, (rss, shared, state) = columns(boot, "process", process.key, ("rss", "shared", "state"))
    count = next((i for i, value in enumerate(state) if value in GONE_STATES), len(times))
    ends = [at for at in (process.gone_ms, process.untracked_ms) if at is not None]
    if count < len(times):
        ends.append(times[count])
    pairs = list(zip(rss[:count], shared[:count], strict=True))
    values: dict[str, list[int | None]] = {
        "rss": [None if all_ is None else all_ * kb for all_, _ in pairs],
        "anon": [None if all_ is None or part is None else (all_ - part) * kb for all_, part in pairs],
    }
    return (list(times[:count]), values), min(ends, default=None)


def _swap(boot: Boot, process: Process) -> Values:
    times, (swap,) = columns(boot, "process.details", process.key, ("VmSwap",))
    return (list(times), {"swap": swap}) if any(swap) else ([], {})


def _mapped(boot: Boot, process: Process) -> Values:
    """PSS and private dirty memory whenever all mappings were read."""
    times, (complete,) = columns(boot, "mappings", process.key, ("complete",))
    whole = [at for at, done in zip(times, complete, strict=True) if done]
    sums: dict[str, list[int | None]] = {"pss": [0] * len(whole), "uss": [0] * len(whole)}
    prefix = process.key + b" "
    for key in boot.rows("mapping"):
        if key.startswith(prefix):
            at, (pss, dirty) = columns(boot, "mapping", key, ("pss", "private_dirty"))
            ended = boot.ended.get((b"mapping", key), [])
            for i, point in enumerate(_listed(at, ended, whole)):
                if point is not None:
                    sums["pss"][i] = (sums["pss"][i] or 0) + (pss[point] or 0)
                    sums["uss"][i] = (sums["uss"][i] or 0) + (dirty[point] or 0)
    return whole, sums


def _listed(times: Sequence[int], ended: Sequence[int], readings: Sequence[int]) -> Iterator[int | None]:
    """Which point of a mapping holds at each reading; None before it was listed and after it left the list."""
    point = past = 0
    for reading in readings:
        while point < len(times) and times[point] <= reading:
            point += 1
        while past < len(ended) and ended[past] <= reading:
            past += 1
        left = past > 0 and point > 0 and times[point - 1] < ended[past - 1]
        yield point - 1 if point and not left else None

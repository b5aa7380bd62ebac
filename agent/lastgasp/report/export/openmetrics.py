"""The measurements as OpenMetrics text, for ``promtool tsdb create-blocks-from openmetrics``.

After Prometheus' conventions: base units (bytes, seconds), ``_total`` for what only grows, one family after another,
``# EOF`` at the end. Labels: ``host``, ``boot`` (counted over everything that is exported, so that a counter that
begins anew is another series), of processes ``pid``, ``started`` (seconds of uptime) and ``comm``, else what the ring's
row key is called. A value is written when it changes and again at least every KEEP_MS (SELDOM_MS where samples are
left out), for Prometheus takes a series that said nothing for five minutes for one that ended. OpenMetrics cannot say
that a process ended: its series stops.

Times are absolute. Samples of a boot whose clock was never set would all lie in January 1970: the uptime since the
epoch is written, and ``unset`` tells of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TextIO

from lastgasp.report.export.boots import Booted
from lastgasp.report.export.columns import TIMES, Column, Layout, Scale, Unit
from lastgasp.report.export.flat import Progress
from lastgasp.report.export.measured import label_of, points, until_of
from lastgasp.report.export.rows import Exported
from lastgasp.report.visible import visible

KEEP_MS, SELDOM_MS = 60_000, 240_000
PREFIX = "lastgasp_"
END = -1 << 64  # no value that can be recorded
PARTS = {"process_samples": "process", "process_details": "process", "meminfo": "memory", "meminfo_slow": "memory"}
NAMES = {  # as Prometheus' own client libraries call the same of themselves
    "process_rss_bytes": "process_resident_memory_bytes",
    "process_anon_bytes": "process_anonymous_memory_bytes",
    "process_shared_bytes": "process_shared_memory_bytes",
    "process_vsize_bytes": "process_virtual_memory_bytes",
    "process_fds": "process_open_fds",
}
ENDINGS = {"_ms": "_seconds", "_us": "_seconds"}
PER_S = {"_ms": 1_000, "_us": 1_000_000}


def unset(exported: Exported) -> int:
    """How many boots have no absolute times."""
    return sum(one.offset_ms is None for one in exported.boots)


def write(exported: Exported, out: TextIO, progress: Progress) -> None:
    """All families."""
    taken = {PREFIX + "event"}
    for layout in exported.layouts():
        for column in layout.columns:
            name = family_name(layout, column)
            while name in taken:
                name += "_"
            taken.add(name)
            if column.unit is not Unit.LETTER:
                _family(exported, layout, column, name, out)
        progress(layout.name, 0)
    _events(exported, out)
    out.write("# EOF\n")


def family_name(layout: Layout, column: Column) -> str:
    """Of one column, without ``_total``."""
    name = column.name
    for ending, base in ENDINGS.items():
        if column.unit in TIMES and name.endswith(ending):
            name = name.removesuffix(ending) + base
    full = f"{PARTS.get(layout.name, layout.name)}_{name}"
    return PREFIX + NAMES.get(full, full).removesuffix("_total")


def _family(exported: Exported, layout: Layout, column: Column, name: str, out: TextIO) -> None:
    """A column of a table: its series, boot by boot, row by row."""
    sample = f"{name}_total" if column.counter else name
    divisor = next(
        (per_s for ending, per_s in PER_S.items() if column.unit in TIMES and column.name.endswith(ending)), 1
    )
    begun = False
    for one in exported.boots:
        scale = Scale(one.boot)
        for key in one.boot.rows(layout.source):
            labels = _labels(layout, one, key)
            if labels is None:
                continue
            head = f"{sample}{{{labels}}} "
            for at_ms, raw in _points(one, layout, key, column):
                value = scale.value(raw, column.unit)
                if value is None or isinstance(value, str) or (column.counter and value < 0):
                    continue
                if not begun:
                    out.write(f"# TYPE {name} {'counter' if column.counter else 'gauge'}\n")
                    if name.endswith(("_bytes", "_seconds")):
                        out.write(f"# UNIT {name} {name.rpartition('_')[2]}\n")
                    begun = True
                out.write(f"{head}{value / divisor if divisor > 1 else value} {seconds(one, at_ms)}\n")


def _points(one: Booted, layout: Layout, key: bytes, column: Column) -> Iterator[tuple[int, int]]:
    """What a series says and when: at each change, and in between as often as needed, as long as it holds."""
    known = points(layout, one, key, column)
    if not known:
        return
    end_ms = _end(one, layout, key)
    keep_ms = KEEP_MS if one.every_ms is None else SELDOM_MS
    last_ms = -1
    for (at_ms, raw), (next_ms, follower) in pairwise([*known, (end_ms, END)]):
        if raw is None:
            continue
        until = min([next_ms, *(gap.from_ms for gap in one.boot.gaps if gap.from_ms >= at_ms)])
        for told_ms in range(at_ms, max(until, at_ms + 1), keep_ms):
            yield told_ms, raw
            last_ms = told_ms
        if follower == END and until > last_ms:
            yield until, raw


def _end(one: Booted, layout: Layout, key: bytes) -> int:
    """Until when the last value holds."""
    last_sample = one.boot.sample_at[-1] if one.boot.sample_at else one.boot.last_ms
    until = until_of(layout, one, key)
    return last_sample if until is None else min(until - 1, last_sample)


def _labels(layout: Layout, one: Booted, key: bytes) -> str | None:
    label = label_of(layout, one, key)
    if label is None:
        return None
    pairs: list[tuple[str, object]] = [("boot", one.number)]
    if layout.key in ("process", "mapping"):
        start = int(key.partition(b"@")[2].partition(b" ")[0]) * 1000 // Scale(one.boot).ticks
        pairs += [("pid", label[1]), ("started", start / 1000), ("comm", label[2])]
    if layout.key not in ("", "process"):
        pairs.append((layout.key, label[-1]))
    return _host(one) + ",".join(f'{name}="{_escaped(str(value))}"' for name, value in pairs)


def _escaped(text: str) -> str:
    """As a label's value is written; newlines are none any more in visible text."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def seconds(one: Booted, at_ms: int) -> str:
    """Since 1970; since the boot where the clock was never set."""
    ms = at_ms + (one.offset_ms or 0)
    return f"{ms // 1000}.{ms % 1000:03}"


def _events(exported: Exported, out: TextIO) -> None:
    """Marks, alerts, OOM kills, gaps: 1 at the moment when it happened."""
    name = PREFIX + "event"
    out.write(f"# TYPE {name} gauge\n")
    points: dict[str, list[str]] = {}
    for one in exported.happened():
        labels = (
            f'{_host(one.booted)}boot="{one.booted.number}",kind="{_escaped(one.kind)}",text="{_escaped(one.text)}"'
        )
        times = points.setdefault(labels, [])
        at = seconds(one.booted, one.at_ms)
        if at not in times:
            times.append(at)
    for labels, times in points.items():
        out.writelines(f"{name}{{{labels}}} 1 {at}\n" for at in times)


def _host(one: Booted) -> str:
    host = one.boot.machine().get("host")
    return f'host="{_escaped(visible(host))}",' if host else ""

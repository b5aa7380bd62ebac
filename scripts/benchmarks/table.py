"""Rows into text for a terminal. Pure.

Units: B, kB and MB are powers of ten; KiB is 1,024 bytes. A spread is its median, with minimum and maximum behind
it where they print differently. A ratio below one is printed as 1/n.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from benchmarks.figure import Row, Spread, ratio_of, reached

HEADINGS = ("figure", "Python", "lastgasp", "peer", "ratio", "to reach", "reached")
NOTHING = "-"
SCALES = {  # unit: what it is called, divided by, decimals
    "B": ("B", 1.0, 0),
    "MB": ("MB", 1e6, 2),
    "KiB": ("KiB", 1024.0, 0),
    "MB/day": ("MB/day", 1e6, 2),
    "ms": ("ms", 1e-3, 2),
    "s": ("s", 1.0, 2),
    "h": ("h", 1.0, 0),
    "calls": ("", 1.0, 2),
    "count": ("", 1.0, 0),
}


def amount(value: float, unit: str) -> str:
    """A value (bytes, seconds, hours, a count) without its unit's name, in its unit."""
    _, scale, decimals = SCALES[unit]
    return f"{value / scale:,.{decimals}f}"


def spread(value: Spread, unit: str) -> str:
    """ "92 (88-101) B"."""
    low, median, high = (amount(v, unit) for v in (value.low, value.median, value.high))
    return f"{_range(low, median, high)} {SCALES[unit][0]}".rstrip()


def ratio(value: float) -> str:
    """ "1/52", "1/3.9", "1.4"."""
    if value <= 0:
        return "0"
    if value >= 1:
        return f"{value:.1f}"
    below = f"{1 / value:.0f}" if value < 0.0995 else f"{1 / value:.1f}"
    return f"1/{below.removesuffix('.0')}"


def _range(low: str, median: str, high: str) -> str:
    return median if low == median == high else f"{median} ({low}-{high})"


def cells(row: Row) -> tuple[str, ...]:
    """The row's text, one string per heading."""
    compared = ratio_of(row)
    verdict = reached(row)
    return (
        row.figure,
        row.interpreter or NOTHING,
        spread(row.ours, row.unit) if row.ours else "not measured",
        ", ".join(f"{name} {spread(value, row.unit)}" for name, value in row.peers) or NOTHING,
        _range(ratio(compared.low), ratio(compared.median), ratio(compared.high)) if compared else NOTHING,
        to_reach(row) or NOTHING,
        NOTHING if row.reach is None else "unknown" if verdict is None else "yes" if verdict else "NO",
    )


def to_reach(row: Row) -> str:
    """ "<= 1/40 of atop", ">= 36 h"; empty when there is nothing to reach."""
    if row.reach is None:
        return ""
    sign = ">=" if row.reach.at_least else "<="
    if row.reach.of_peer:
        return f"{sign} {ratio(row.reach.value)} of {row.peers[0][0] if row.peers else 'the peer'}"
    return f"{sign} {spread(Spread.one(row.reach.value), row.unit)}"


def aligned(lines: Sequence[Sequence[str]], right: Callable[[int], bool] = lambda _: False) -> list[str]:
    """Columns side by side; the first line is the heading. ``right`` says which columns stand at the right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    made = []
    for number, line in enumerate(lines):
        padded = [c.rjust(w) if right(i) else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))]
        made.append("  ".join(padded).rstrip())
        if not number:
            made.append("  ".join("-" * width for width in widths))
    return made


def render(rows: Sequence[Row], facts: Sequence[tuple[str, str]]) -> str:
    """The table, what is missing from it, what has to be known of it, and where it was measured."""
    lines = aligned([HEADINGS, *[cells(row) for row in rows]])
    missing = _once((row.name, row.missing) for row in rows if row.missing)
    notes = _once((row.name, note) for row in rows for note in row.notes)
    for title, found in (("missing", missing), ("notes", notes), ("measured", list(facts))):
        if found:
            lines += ["", f"{title}:"]
            lines += [f"  {name}: {text}" for name, text in found]
    return "\n".join(lines) + "\n"


def _once(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return list(dict.fromkeys(pairs))

"""Numbers for people: bytes, durations, rates, times; and lists. Sizes are powers of 1024, as the kernel's kB are."""

from __future__ import annotations

import time
from collections.abc import Sequence

from lastgasp.analysis.times import Moment, Span

UNKNOWN = "unknown"
YEAR_S = 31_557_600
UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
# seconds, its name in a rate, and up to which recorded time (s) it is the one that fits
RATE_UNITS = ((60, "min", 1800), (3600, "h", 3 * 86400), (86400, "day", 1 << 62))


def size(value: float | None) -> str:
    """Three digits at least: 512 B, 3.4 kB, 64.0 MB, 1023 MB."""
    if value is None:
        return UNKNOWN
    amount = float(abs(value))
    for unit in UNITS:
        digits = 0 if unit == "B" or amount >= 99.95 else 1
        if round(amount, digits) < 1024 or unit == UNITS[-1]:
            break
        amount /= 1024
    return f"{'-' if value < 0 else ''}{amount:.{digits}f} {unit}"


def signed(value: float) -> str:
    """A size with its sign."""
    return ("+" if value >= 0 else "") + size(value)


def percent(share: float | None) -> str:
    """A share of one: 0.5 %, 12 %, 100 %."""
    if share is None:
        return UNKNOWN
    return f"{share * 100:.1f} %" if 0 < share < 0.0995 else f"{share * 100:.0f} %"


def duration(ms: float) -> str:
    """Two units at most: 40 ms, 1.5 s, 36 s, 4 min 10 s, 2 h 5 min, 3 d 4 h, 56.9 years."""
    if ms < 1000:
        return f"{ms:.0f} ms"
    if ms < 9_950:
        return f"{ms / 1000:.1f}".removesuffix(".0") + " s"
    seconds = round(ms / 1000)
    if seconds >= 2 * YEAR_S:
        return f"{seconds / YEAR_S:.1f} years"
    for unit, name, part, part_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit:
            whole, rest = divmod(seconds, unit)
            rest //= part
            return f"{whole} {name}" + (f" {rest} {part_name}" if rest else "")
    return f"{seconds} s"


def rate_unit(recorded_ms: int) -> tuple[int, str]:
    """Seconds and name of the unit of time that fits a recording of this length."""
    return next((seconds, name) for seconds, name, up_to in RATE_UNITS if recorded_ms < up_to * 1000)


def rate(per_s: float, recorded_ms: int) -> str:
    """1.3 MB/min; the unit of time is that of the whole report."""
    seconds, name = rate_unit(recorded_ms)
    return f"{size(per_s * seconds)}/{name}"


def stamp(at: Moment) -> str:
    """Date and time in UTC, or the uptime where the clock was never set."""
    if at.wall_ns is None:
        return f"uptime {clock(at.uptime_ms)}"
    return utc(at.wall_ns)


def near(at: Moment, span: Span) -> str:
    """As ``stamp``, without the date where everything recorded happened on that day; an uptime with its boot."""
    if at.wall_ns is None:
        return stamp(at) + (f" of boot {at.boot}" if span.first.boot != span.last.boot else "")
    same_day = all(of.wall_ns is not None and stamp(of)[:10] == stamp(at)[:10] for of in (span.first, span.last))
    return stamp(at)[-8:] if same_day else stamp(at)


def utc(wall_ns: int) -> str:
    """2026-11-23 14:03:10; what no calendar has as seconds since 1970."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(wall_ns // 10**9))
    except (OverflowError, ValueError, OSError):
        return f"{wall_ns // 10**9} s after 1970"


def clock(ms: int) -> str:
    """An uptime: 0:04:10, 3 d 0:04:10."""
    seconds = ms // 1000
    days, seconds = divmod(seconds, 86400)
    text = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{days} d {text}" if days else text


def count(number: int, one: str, many: str | None = None) -> str:
    """1 sample, 2 samples, 12,000 samples."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(parts: Sequence[str], more: int = 0) -> str:
    """a, b and c; a, b and 12 more. Of parts there is one at least."""
    parts = [*parts, f"{more} more"] if more > 0 else parts
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"

"""Does it grow only while something that a mark tells of goes on? Pure, of numbers only."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from lastgasp.analysis.workload.counters import MarkSpan, inside

MARK_SHARE = 0.9  # of the growth that is in a mark's time, to be "only" there
MARK_MORE = 1.5  # times as much as its share of the time
MARK_LEAST_MS = 3_000


@dataclass(frozen=True, slots=True)
class DuringMark:
    """Growth that happens in the time of one mark and hardly outside."""

    text: bytes  # raw
    times: int  # how often it was set
    growth_share: float  # of all growth
    time_share: float  # of the time
    bytes_per_time: int  # grown in one of them, on average


def during_mark(
    spans: Sequence[MarkSpan], times: Sequence[int], values: Sequence[int], since_ms: int, until_ms: int
) -> DuringMark | None:
    """The mark whose time holds nearly all growth and clearly less than all time; the shortest of several such.

    Looked at is the whole life up to ``until_ms``, and the growth since ``since_ms`` alone.
    """
    found: list[tuple[float, DuringMark]] = []
    for text in dict.fromkeys(span.text for span in spans):
        own = [span for span in spans if span.text == text]
        for from_ms in (times[0], since_ms):
            one = _share(own, times, values, from_ms, until_ms)
            if one is not None:
                found.append((one.time_share, one))
                break
    return min(found, key=lambda item: item[0])[1] if found else None


def _share(
    spans: Sequence[MarkSpan], times: Sequence[int], values: Sequence[int], from_ms: int, until_ms: int
) -> DuringMark | None:
    def at(moment_ms: int) -> int:
        return values[max(bisect_right(times, moment_ms) - 1, 0)]

    whole, length = at(until_ms) - at(from_ms), until_ms - from_ms
    covered = inside(spans, from_ms, until_ms)
    if whole <= 0 or covered < MARK_LEAST_MS or length - covered < MARK_LEAST_MS:
        return None
    grown = 0
    reached = from_ms
    seen = 0
    for span in spans:
        begin, end = max(span.from_ms, reached), min(span.to_ms, until_ms)
        if end > begin:
            grown += at(end) - at(begin)
            reached = end
            seen += 1
    share, time_share = grown / whole, covered / length
    if not MARK_SHARE <= share <= 2 - MARK_SHARE or share < MARK_MORE * time_share:
        return None
    return DuringMark(spans[0].text, seen, min(share, 1.0), time_share, grown // seen)

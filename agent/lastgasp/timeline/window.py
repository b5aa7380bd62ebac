"""A recording as if it had begun at a moment: for whoever wants to know only what happened since then.

What held at that moment holds at the beginning. Processes that were gone by then are not there, nor what was said of
the kernel's or the agent's doing before; what is known of the machine stays.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace

from lastgasp.ring.payload import Series
from lastgasp.timeline.model import Boot, Gap, Recording

LASTING = ("machine",)  # events that tell of the machine rather than of a moment


def since(recording: Recording, boot: int, at_ms: int) -> Recording:
    """Boot ``boot`` (from 1) from the sample on that held at a moment, and the boots after it.

    The recording itself is left as it is.
    """
    first, *later = recording.boots[boot - 1 :]
    held = bisect_right(first.sample_at, at_ms) - 1
    begin_ms = first.sample_at[held] if held >= 0 else first.first_ms
    cut = held > 0
    return replace(recording, boots=[_cut(first, begin_ms), *later], cut=cut)


def _cut(boot: Boot, at_ms: int) -> Boot:
    found = Boot(boot.boot_id)
    kept = bisect_left(boot.sample_at, at_ms)
    found.sample_at, found.sample_flags = boot.sample_at[kept:], boot.sample_flags[kept:]
    found.first_ms, found.last_ms = at_ms, max(boot.last_ms, at_ms)
    found.offsets, found.recovered = boot.offsets, boot.recovered
    found.processes = {key: one for key, one in boot.processes.items() if one.gone_ms is None or one.gone_ms > at_ms}
    found.events = [event for event in boot.events if event.at_ms >= at_ms or event.kind in LASTING]
    found.messages = [message for message in boot.messages if message.at_ms >= at_ms]
    found.gaps = [Gap(max(gap.from_ms, at_ms), gap.to_ms, gap.blocks) for gap in boot.gaps if gap.to_ms > at_ms]
    for table, rows in boot.tables.items():
        for key, every in rows.items():
            process = key.partition(b" ")[0]
            if process in boot.processes and process not in found.processes:
                continue
            ended = [at for at in boot.ended.get((table, key), ()) if at <= at_ms]
            cut = [series for series in (_later(one, at_ms, max(ended, default=-1)) for one in every) if series.at]
            if cut:
                found.tables.setdefault(table, {})[key] = cut
    found.ended = {row: later for row, every in boot.ended.items() if (later := [at for at in every if at > at_ms])}
    return found


def _later(series: Series, at_ms: int, ended_ms: int) -> Series:
    """The values from a moment on, with the one that held then, unless the row had ended since."""
    found = Series(series.columns)
    kept = bisect_right(series.at, at_ms)
    held = kept - 1
    if held >= 0 and series.at[held] > ended_ms:
        found.append(at_ms, series.flat[held * series.width : (held + 1) * series.width])
    found.at += series.at[kept:]
    found.flat += series.flat[kept * series.width :]
    return found

"""Anonymous memory of a process over its life: resident memory without files and shared memory, and what is in swap."""

from __future__ import annotations

from bisect import bisect_left

from lastgasp.timeline.model import Boot

GONE_STATES = (ord("Z"), ord("X"))  # a zombie has no memory any more
NEVER, NO_ROW = 1 << 62, (0, 0, 0, 0)
DYING = 2  # samples before its end in which a process may be dying: the OOM reaper can be ahead of it


def anonymous(boot: Boot, key: bytes, page_size: int) -> tuple[list[int], list[int], int]:
    """Times (ms), bytes, and until when it was alive. All empty when nothing is known.

    A process that dies gives its memory back before it is gone: that is its death and not its life, and left out.
    """
    times, values = boot.together("process", key, ("rss", "shared", "vsize", "state"))
    out_times: list[int] = []
    sizes: list[int] = []
    gone = boot.processes[key].gone_ms
    end = boot.sample_at[-1] if boot.sample_at else 0
    if gone is not None:
        end = min(end, gone)
    swaps = iter(list(zip(*boot.points("process.details", key, "VmSwap"), strict=True)))
    swap_ms, swap_kb = next(swaps, (NEVER, 0))
    swap = swap_kb * 1024
    pages = size = None
    for at, (rss, shared, vsize, state) in zip([*times, NEVER], [*values, NO_ROW], strict=True):
        while swap_ms < at:  # read between two samples
            swap = swap_kb * 1024
            if pages is not None and pages * page_size + swap != size:
                size = pages * page_size + swap
                out_times.append(swap_ms)
                sizes.append(size)
            swap_ms, swap_kb = next(swaps, (NEVER, 0))
        if state in GONE_STATES or not vsize:
            end = min(end, at)
            break
        if swap_ms == at:
            swap = swap_kb * 1024
            swap_ms, swap_kb = next(swaps, (NEVER, 0))
        pages = rss - shared
        if pages * page_size + swap != size:
            size = pages * page_size + swap
            out_times.append(at)
            sizes.append(size)
    if gone is not None and boot.sample_at:
        dying_ms = boot.sample_at[max(bisect_left(boot.sample_at, gone) - DYING, 0)]
        while len(sizes) > 1 and sizes[-1] < sizes[-2] / 2 and out_times[-1] >= dying_ms:
            end = out_times.pop()
            sizes.pop()
    return out_times, sizes, end

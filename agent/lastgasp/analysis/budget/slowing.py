"""Growth that becomes ever slower and has not stopped: how fast can a leak be that hides in it?

A leak does not become slower. So none is faster than what was grown in the last half of a life, where nothing was
given back in that half.
"""

from __future__ import annotations

from lastgasp.analysis.budget.units import HOUR_S
from lastgasp.analysis.growth import CELLS, Life
from lastgasp.analysis.shape.trend import QUIET_BYTES

MS_PER_H = HOUR_S * 1000


def no_leak_above(life: Life, bytes_per_h: float) -> bool:
    """Would a leak of that rate have grown by clearly more than was seen? False: it cannot be told."""
    tail = life.cells[CELLS // 2 - 1 :]
    half_ms = (life.last.uptime_ms - life.first.uptime_ms) / 2
    gave_back = tail[0] - min(tail) > QUIET_BYTES
    return not gave_back and max(tail) - min(tail) + QUIET_BYTES < bytes_per_h * half_ms / MS_PER_H

"""How likely a wait as long as that at the end is, of growth below what comes and goes."""

from __future__ import annotations

from lastgasp.analysis.shape.lasting import goes_on, lasting

CELLS = 48


def below_jobs(stops: int) -> list[int]:
    """10 more in each cell until it stops, and jobs that need 200 in two cells of eight: 0.4 of what is lost."""
    return [10 * min(cell, stops) + (200 if cell % 8 < 2 else 0) for cell in range(CELLS)]


def test_growth_that_goes_on_to_the_end_has_not_waited_though_jobs_are_almost_half_as_high() -> None:
    whole = next(lasting(below_jobs(CELLS), range(CELLS)))
    assert whole.noise > 0.4 * whole.grown
    assert whole.pause > 0.9
    assert goes_on(below_jobs(CELLS), 100) is not None


def test_growth_below_jobs_that_stopped_half_way_has_waited() -> None:
    whole = next(lasting(below_jobs(CELLS // 2), range(CELLS)))
    assert whole.pause < 0.01
    assert goes_on(below_jobs(CELLS // 2), 100) is None

"""Pulls over bad serial lines: byte-exact or cleanly failed, whatever the line does.

``scripts/rehearse-pull-faults`` does five hundred of these, also at worse rates; LASTGASP_LONG=1 does more of them.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from board import SHELLS, missing
from faults import KINDS
from transfers import Case, cases, transfer

NUMBER = 200 if os.environ.get("LASTGASP_LONG") else 2 * len(KINDS)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("plain", [False, True], ids=["agent", "plain"])
def test_a_clean_line_brings_everything_at_once(shell: str, plain: bool, tmp_path: Path) -> None:
    if why := missing(shell):
        pytest.skip(why)
    outcome = transfer(Case("drop", 0, "both", 1, shell=shell, plain=plain), tmp_path)
    assert (outcome.ok, outcome.again, outcome.breaks, outcome.wrong) == (True, 0, 0, []), outcome.why


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_stands_a_bad_line(shell: str, tmp_path: Path) -> None:
    if why := missing(shell):
        pytest.skip(why)
    outcome = transfer(Case("mixed", 5e-4, "both", 3, shell=shell, login=True), tmp_path)
    assert (outcome.ok, outcome.wrong) == (True, []), outcome.why
    assert outcome.hits


def test_faults_of_all_kinds_end_byte_exact_or_cleanly_failed(tmp_path: Path) -> None:
    """At one byte in 10,000 all of them come through."""
    chosen = cases(NUMBER, seed=1, rates=(1e-4, 1e-3))
    with ProcessPoolExecutor(6) as pool:
        outcomes = list(pool.map(transfer, chosen, [tmp_path / str(case.seed) for case in chosen]))
    for case, outcome in zip(chosen, outcomes, strict=True):
        assert outcome.wrong == [], case
        assert outcome.ok or case.rate > 1e-4, (case, outcome.why)
    assert sum(outcome.ok for outcome in outcomes) >= 0.8 * len(chosen), [one.why for one in outcomes]
    assert sum(outcome.hits for outcome in outcomes) > len(chosen)

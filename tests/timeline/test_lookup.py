"""Columns of one row at any instant."""

from __future__ import annotations

from pathlib import Path

import pytest

from lastgasp.timeline.lookup import Lookup
from lastgasp.timeline.model import Boot
from scene import Scene


@pytest.fixture
def boot(tmp_path: Path) -> Boot:
    scene = Scene(tmp_path / "ring").boot()
    program = scene.run(200, b"leakd", lambda t: 100 * t)
    scene.record(5)
    program.kernel = True  # a row without its second column
    scene.record(5)
    return scene.flush().load().boots[0]


KEY = b"200@1000"
COLUMNS = (b"rss", b"shared", b"no such column")


def test_the_last_values_up_to_an_instant_hold(boot: Boot) -> None:
    row = Lookup(boot, "process", KEY, COLUMNS)
    assert row.at(9_999) is None
    assert row.at(10_000) == (10_000, (100, 100, None))
    assert row.at(11_500) == (11_000, (125, 100, None))


def test_an_absent_value_is_none_and_not_what_it_was(boot: Boot) -> None:
    assert Lookup(boot, "process", KEY, COLUMNS).at(99_000) == (15_000, (0, None, None))


def test_a_row_that_was_never_written_has_no_values(boot: Boot) -> None:
    row = Lookup(boot, "process", b"7@7", COLUMNS)
    assert row.at(99_000) is None
    assert row.most() == ()
    assert not row.written_after(0)


def test_the_most_that_a_column_ever_had(boot: Boot) -> None:
    row = Lookup(boot, "process", KEY, COLUMNS)
    assert row.most() == (200, 100, None)
    assert row.written_after(14_999)
    assert not row.written_after(15_000)

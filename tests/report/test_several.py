"""Many events on one screen: the first and the last of them."""

from __future__ import annotations

import pytest

from lastgasp.report.oom.several import shortened
from lastgasp.report.screen import Screen


@pytest.mark.parametrize("number", [0, 1, 12, 13])
def test_a_line_that_says_how_many_more_takes_no_place_of_one(number: int) -> None:
    screen = Screen()
    assert list(shortened(screen, range(number), 12)) == list(range(number))
    assert not screen.lines


def test_of_too_many_the_first_and_the_last_are_told_with_a_line_between() -> None:
    screen = Screen()
    for item in shortened(screen, range(1_014), 4, " ", " of them"):
        screen.line(str(item))
    assert screen.lines == ["0", "1", " … 1,010 more of them", "1012", "1013"]

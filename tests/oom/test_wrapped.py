"""Lines that a terminal broke, told from lines that are only as long."""

from __future__ import annotations

import pytest

from lastgasp.oom import lines as read_lines
from lastgasp.oom.parser import parse
from lastgasp.oom.wrapped import Wrapped
from oom.prefixes import Lines, wrapped
from oom.test_prefixes import content, expected, lines

LONG: Lines = [(1_000_000, b"a driver with much to say: " + b"x" * 90), (1_000_001, b"another: " + b"y" * 120)]


def whole(rows: list[bytes]) -> list[bytes]:
    reader = Wrapped()
    found = [line for number, row in enumerate(rows) for _, line in reader.feed(number, row)]
    return [line.rstrip(b"\n") for line in found + [line for _, line in reader.end()]]


@pytest.mark.parametrize("width", [90, 100, 111])
@pytest.mark.parametrize("trimmed", [False, True])
@pytest.mark.parametrize("name", ["armhf-global-c.txt", "armhf6.12-memcg.txt"])
def test_any_width_is_learnt_from_two_lines(width: int, trimmed: bool, name: str) -> None:
    log = [*LONG, *lines(name)]
    assert [content(report) for report in parse(wrapped(width, trimmed)(log))] == expected(name)


def test_a_line_that_is_as_long_as_a_terminal_is_wide_stays_one() -> None:
    """Where a longer one came before, nothing was broken."""
    even = b"[    1.000000] " + b"x" * 65
    assert len(even) == 80
    assert whole([even, b"sensord: 21.5"]) == [even + b"sensord: 21.5"]  # nothing tells these two apart
    longer = b"[    1.000000] " + b"y" * 66
    assert whole([longer, even, b"sensord: 21.5"]) == [longer, even, b"sensord: 21.5"]
    assert whole([even, even, b"[    1.000001] z"]) == [even, even, b"[    1.000001] z"]
    assert whole([b"x" * 80, b"y"]) == [b"x" * 80, b"y"]  # without any prefix


def test_other_output_between_the_kernels_lines_is_not_joined() -> None:
    rows = [b"[    1.%06d] %s" % (number, b"x" * number) for number in range(200)]
    mixed = [row for line in rows for row in (line, b"sensord: 21.5")]
    joined = [line for line in whole(mixed) if b"x" in line and b"sensord" in line]
    assert len(joined) <= 4  # lines that were the longest so far, 80 or 132 columns wide


def test_what_never_ends_is_not_kept() -> None:
    rows = [b"[    1.000000] " + b"x" * 65, *([b"x" * 80] * 10_000)]
    assert max(map(len, whole(rows))) < 9000


def test_a_line_that_is_held_comes_before_what_follows() -> None:
    """Also before an entry of a journal."""
    even = b"[    1.000000] " + b"x" * 65 + b"\n"
    reader = read_lines.Lines()
    found = [line for number, row in enumerate([even, b'{"MESSAGE":"a"}\n']) for _, line in reader.feed(number, row)]
    assert [line.text[:1] for line in found] == [b"x", b"a"]

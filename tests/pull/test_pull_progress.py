"""What is drawn while many devices are pulled from: what is done stays, above a line that is drawn over."""

from __future__ import annotations

import io

from lastgasp.cli.pulling.pull_progress import Lines
from lastgasp.pull.progress import Progress


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def rows(text: str) -> list[str]:
    """As a terminal shows them: a return goes back to the first column."""
    found = []
    for row in text.split("\n"):
        shown = ""
        for part in row.split("\r"):
            shown = part + shown[len(part) :]
        found.append(shown.rstrip())
    return found


def test_on_a_terminal_what_is_done_stays_and_the_rest_is_one_line() -> None:
    out = Tty()
    with Lines(out, ["a", "b\x1b[2J"]) as lines:
        lines.teller("a")("board", Progress(done_bytes=2000, blocks=2))
        assert rows(out.getvalue()) == ["0 of 2 done, 2.0 kB"]
        lines.done("a", "2 new blocks")
        assert rows(out.getvalue()) == ["1/2 a: 2 new blocks", "1 of 2 done, 2.0 kB"]
        lines.done("b\x1b[2J", "failed")
    assert rows(out.getvalue()) == ["1/2 a: 2 new blocks", "2/2 b\\x1b[2J: failed", ""]


def test_elsewhere_only_what_is_done_is_told() -> None:
    out = io.StringIO()
    with Lines(out, ["a", "b"]) as lines:
        lines.teller("a")("board", Progress(done_bytes=2000, blocks=2))
        lines.done("a", "2 new blocks")
        lines.done("b", "failed")
    assert out.getvalue() == "1/2 a: 2 new blocks\n2/2 b: failed\n"

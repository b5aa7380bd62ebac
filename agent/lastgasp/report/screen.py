"""Where a report is drawn: 80 columns, with colour and Unicode only where the output can show them.

A Screen gathers lines; everything that goes in is visible text already (``visible``). Colour never carries anything
that the words do not say as well.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TextIO

from lastgasp.report.visible import columns, fit, pad, visible

WIDTH = 80
BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = ".:-=+*#@"
COLOURS = {"bad": "31;1", "good": "32", "dim": "2", "head": "1"}
ASCII_FOR = str.maketrans({"…": "~", "→": ">", "–": "-", "×": "x"})


class Screen:
    """Lines of at most WIDTH columns."""

    def __init__(self, unicode: bool = True, colour: bool = False) -> None:
        self.unicode = unicode
        self.colour = colour
        self.lines: list[str] = []

    @classmethod
    def on(cls, out: TextIO, environment: Mapping[str, str] | None = None) -> Screen:
        """As the stream can show it: NO_COLOR, TERM=dumb and an output that is no terminal turn colour off."""
        environment = os.environ if environment is None else environment
        encoding = (out.encoding or "ascii").lower().replace("-", "").replace("_", "")
        plain = bool(environment.get("NO_COLOR")) or environment.get("TERM", "dumb") == "dumb"
        return cls(encoding in ("utf8", "utf8sig"), out.isatty() and not plain)

    def text(self, raw: bytes | str) -> str:
        """Foreign text made visible, in ASCII where nothing else can be shown."""
        shown = visible(raw)
        return shown if self.unicode else shown.encode("ascii", "backslashreplace").decode()

    @property
    def dots(self) -> str:
        """What stands where something was left out."""
        return "…" if self.unicode else "~"

    def fit(self, text: str, width: int) -> str:
        """Cut to a width, and filled up to it."""
        return pad(fit(text, width, self.dots), width)

    def paint(self, text: str, role: str) -> str:
        """In the colour of its role, which is one of COLOURS."""
        return f"\x1b[{COLOURS[role]}m{text}\x1b[0m" if self.colour else text

    def line(self, text: str = "", role: str = "") -> None:
        """One line as it is; too long a one is cut."""
        text = text.rstrip()
        if not self.unicode:
            text = text.translate(ASCII_FOR).encode("ascii", "backslashreplace").decode()
        text = fit(text, WIDTH, self.dots)
        self.lines.append(self.paint(text, role) if role and text else text)

    def heading(self, text: str) -> None:
        """A section begins."""
        self.line()
        self.line(text, "head")

    def wrap(self, text: str, indent: str = "  ", hanging: str | None = None, role: str = "") -> None:
        """A paragraph, broken between words; a word longer than a line is cut into pieces."""
        prefix = indent
        hanging = indent if hanging is None else hanging
        current = ""
        for word in text.split(" "):
            while columns(word) > WIDTH - columns(prefix):
                if current:
                    self.line(prefix + current, role)
                    prefix, current = hanging, ""
                piece = fit(word, WIDTH - columns(prefix), "")
                self.line(prefix + piece, role)
                prefix, word = hanging, word[len(piece) :]
            if current and columns(prefix + current + " " + word) > WIDTH:
                self.line(prefix + current, role)
                prefix, current = hanging, word
            else:
                current = f"{current} {word}" if current else word
        if current:
            self.line(prefix + current, role)

    def spark(self, cells: Sequence[float | None], low: float | None = None, high: float | None = None) -> str:
        """A curve of one character per cell, from ``low`` to ``high`` (of the cells themselves if not given).

        Where nothing is known there is a space.
        """
        bars = BARS if self.unicode else ASCII_BARS
        known = [cell for cell in cells if cell is not None]
        if not known:
            return " " * len(cells)
        low = min(known) if low is None else low
        high = max(known) if high is None else high
        span = high - low
        steps = len(bars) - 1
        return "".join(
            " " if cell is None else bars[round(min(max((cell - low) / span, 0), 1) * steps) if span > 0 else 0]
            for cell in cells
        )

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"

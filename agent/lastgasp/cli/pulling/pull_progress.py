"""How a pull goes, on one line of a terminal: blocks, bytes a second, time left. Nothing where there is no terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TextIO

from lastgasp.pull.progress import Progress
from lastgasp.report import units
from lastgasp.report.visible import visible

EVERY_S = 0.2
WIDTH = 79
SPAN_S = 10.0  # that the rate is of


class Line:
    """Draws over itself; gone at the end."""

    def __init__(self, stream: TextIO | None, target: str) -> None:
        self._stream = stream if stream is not None and stream.isatty() else None
        self._target = target
        self._drawn_s = 0.0
        self._seen: list[tuple[float, int]] = []

    def __enter__(self) -> Line:
        self.draw(f"{visible(self._target)}: connecting")
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def tell(self, name: str, progress: Progress) -> None:
        """How it stands."""
        now = time.monotonic()
        self._seen.append((now, progress.done_bytes))
        while len(self._seen) > 2 and now - self._seen[0][0] > SPAN_S:
            del self._seen[0]
        self.show(self.text(name, progress))

    def show(self, text: str) -> None:
        """This, unless something was shown just now."""
        now = time.monotonic()
        if now - self._drawn_s >= EVERY_S:
            self._drawn_s = now
            self.draw(text)

    def text(self, name: str, progress: Progress) -> str:
        """The line."""
        words = [f"{visible(name)}: {units.count(progress.blocks, 'block')}, {units.size(progress.done_bytes)}"]
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        rate = (last - first) / (last_s - first_s) if last_s > first_s else None
        if progress.total_bytes is not None:
            words[0] += f" of {units.size(progress.total_bytes)}"
        if rate:
            words.append(f"{units.size(rate)}/s")
            if progress.total_bytes is not None:
                left_ms = max(0.0, progress.total_bytes - progress.done_bytes) / rate * 1000
                words.append(f"{units.clock(int(left_ms))} left")
        if progress.again:
            words.append(f"{progress.again} asked again")
        return ", ".join(words)

    def end(self) -> None:
        """Take it away."""
        if self._stream is not None:
            self._stream.write(f"\r{'':{WIDTH}}\r")
            self._stream.flush()

    def draw(self, text: str) -> None:
        """This, whatever was shown just now."""
        if self._stream is not None:
            self._stream.write(f"\r{text[:WIDTH]:{WIDTH}}")
            self._stream.flush()


class Lines:
    """Many at once: on a terminal a line for the devices at work, above it one for each that is done."""

    def __init__(self, stream: TextIO | None, targets: list[str]) -> None:
        self._stream = stream
        self._line = Line(stream, "")
        self._bytes: dict[str, int] = {}
        self._left = len(targets)
        self._all = len(targets)
        self._lock = threading.Lock()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.end()

    def teller(self, target: str) -> Callable[[str, Progress], None]:
        """For one device."""

        def tell(_: str, progress: Progress) -> None:
            with self._lock:
                self._bytes[target] = progress.done_bytes
                self._line.show(self._text())

        return tell

    def done(self, target: str, text: str) -> None:
        """One of them is through."""
        with self._lock:
            self._left -= 1
            self._line.end()
            if self._stream is not None:
                self._stream.write(f"{self._all - self._left}/{self._all} {visible(target)}: {text}\n")
                self._stream.flush()
            if self._left:
                self._line.draw(self._text())

    def _text(self) -> str:
        return f"{self._all - self._left} of {self._all} done, {units.size(sum(self._bytes.values()))}"


class Scanned:
    """How far a flash image is searched."""

    def __init__(self, stream: TextIO | None, target: str) -> None:
        self._line = Line(stream, target)
        self._target = target

    def __enter__(self) -> Scanned:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def tell(self, done: int, total: int) -> None:
        """Bytes of bytes."""
        self._line.show(f"{visible(self._target)}: searched {units.size(done)} of {units.size(total)}")

    def end(self) -> None:
        """Take it away."""
        self._line.end()

"""What comes from a device, bytes into events: frames and replies that prove themselves, and the rest as noise.

Contract: memory is bounded whatever comes. A line is an event only if it carries the word of this conversation and a
checksum that holds; everything else (echo, prompts, the kernel's messages, escape sequences) counts as noise, whose
last lines are kept for errors. A frame into which the kernel wrote whole lines is put together again: its letters
before and behind them have the right number, and the checksum judges.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lastgasp.pull.console import proof
from lastgasp.ring import frames

LONGEST = 20_000  # bytes of a line; what goes on for longer is none of ours
NOISE = 2_000  # bytes that are kept
STARTS = 32  # places in a line where something of ours may begin
REPLY = re.compile(rb":([0-9a-f]{8}) (" + proof.WORDS + rb") (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Frame:
    """See ring.frames."""

    kind: int
    number: int
    part: int
    parts: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """A line that the shell was told to say."""

    text: bytes

    @property
    def complaint(self) -> str:
        """What a program wrote to standard error (``listener``), as it stands there."""
        return self.text.decode("utf-8", "replace").removeprefix("err ")


class Incoming:
    """Feeds on bytes. ``word`` is eight hexadecimal digits."""

    def __init__(self, word: bytes, base: int, size: int) -> None:
        """``size`` is how many bytes of data the frames that are asked for carry, of ``base``."""
        self.word = word
        self.expect(base, size)
        self.garbled = 0  # lines that began like ours and were not
        self.mended = 0
        self.proof = proof.CKSUM  # what the device proves its replies with
        self._line = bytearray()
        self._cut: bytes | None = None  # the letters of a frame that ended too early
        self._noise = bytearray()

    def expect(self, base: int, size: int) -> None:
        """Other frames than until now."""
        self.base, self.size = base, size
        self.letters = frames.line_size(size, base)  # of a frame that is not the last of its block

    def feed(self, data: bytes) -> list[Frame | Reply]:
        """The events that these bytes complete."""
        found: list[Frame | Reply] = []
        *whole, rest = (bytes(self._line) + data).replace(b"\r", b"\n").split(b"\n")
        for line in whole:
            event = self._event(line) if line else None
            if event is not None:
                found.append(event)
        self._line = bytearray(rest[-LONGEST:])
        return found

    @property
    def noise(self) -> bytes:
        """What else came last, and what has no end of line yet."""
        return bytes(self._noise[-NOISE:]) + bytes(self._line[-NOISE:])

    def forget_noise(self) -> None:
        """What is noise from now on has nothing to do with what came before."""
        self._noise.clear()

    def _event(self, line: bytes) -> Frame | Reply | None:
        at = line.find(frames.START) if len(line) <= LONGEST else -1
        for _ in range(STARTS):
            if at < 0:
                break
            event = self._reply(line[at:]) or self._frame(line[at + 1 :])
            if event is not None:
                self._cut = None
                return event
            at = line.find(frames.START, at + 1)
        if line.startswith(frames.START) and len(line) > 1:
            self.garbled += 1
            self._cut = line[1 : self.letters + 1]
        elif self._cut is not None:
            mended = self._frame(self._cut[: max(0, self.letters - len(line))] + line)
            if mended is not None:
                self._cut = None
                self.mended += 1
                return mended
        self._noise += line[-NOISE:] + b"\n"
        del self._noise[:-NOISE]
        return None

    def _frame(self, letters: bytes) -> Frame | None:
        found = frames.unpack(letters, self.word, self.base) if len(letters) <= LONGEST else None
        return None if found is None else Frame(*found)

    def _reply(self, line: bytes) -> Reply | None:
        found = REPLY.fullmatch(line)
        if found is None or found[1] != self.word:
            return None
        said = proof.kind(found[2])
        if said is None or found[2].decode() != proof.words(said, found[3] + b"\n"):
            return None
        self.proof = said
        return Reply(found[3])

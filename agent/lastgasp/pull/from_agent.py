"""Blocks by way of ``lastgasp-agent dump --frames``: what is new, and again what did not arrive.

Contract: every block that is given has a right CRC. Rounds go on as long as they bring something; what then is still
missing is counted, not invented. Frames get smaller where many are lost, for a short one has better chances.
"""

from __future__ import annotations

import contextlib
import zlib
from dataclasses import dataclass, field
from shlex import quote

from lastgasp.pull import PullError
from lastgasp.pull.blocks import Parts, Pulled, unpacked
from lastgasp.pull.console import Garbled
from lastgasp.pull.console.incoming import Frame
from lastgasp.pull.console.shell import Shell
from lastgasp.pull.identity import About
from lastgasp.pull.kept import Diverged
from lastgasp.pull.progress import Keeper, Progress, Tell
from lastgasp.ring import frames
from lastgasp.ring.format import MAX_BLOCK_SIZE

INDEX_LIMIT = 1 << 20  # bytes of an index
SLOTS_LIMIT = 1 << 18
EARLY = 1024  # blocks that wait for an index
BYTES_LIMIT = 1 << 30  # of a ring: more is no recording, but perhaps a trap
PARTS_LIMIT = 8 << 20  # bytes of blocks of which only parts are there
SLACK = 16 << 20  # bytes that an answer may bring beyond what was announced
USAGE = 2  # exit status of an agent that does not know what it is asked for
IDLE_ROUNDS = 4  # that bring nothing
LOSSES = 0.25  # of the frames of a round: then they get smaller
SMALLEST = frames.LEAST_DATA


class TooOld(PullError):
    """The agent on the device knows no frames."""


@dataclass(slots=True)
class Index:
    """What the agent says it sends."""

    values: dict[str, str] = field(default_factory=dict)
    slots: list[int] = field(default_factory=list)

    @classmethod
    def read(cls, packed: bytes) -> Index:
        """Raises PullError: it makes no sense."""
        try:
            unpacker = zlib.decompressobj()
            text = unpacker.decompress(packed, INDEX_LIMIT)
            pairs = [line.partition(" ") for line in text.decode("ascii").split("\n")]
            values = {name: value for name, _, value in pairs}
            made = cls(values)
            for run in values.get("send", "").split():
                first, _, last = run.partition("-")
                a, b = int(first), int(last or first)
                if abs(a - b) + len(made.slots) >= SLOTS_LIMIT:
                    raise ValueError(run)
                made.slots += range(a, b + 1) if b >= a else range(a, b - 1, -1)
            if not 0 <= int(values["bytes"]) <= BYTES_LIMIT:
                raise ValueError(values["bytes"])
            int(values["ring"], 16), int(values["newest"]), int(values.get("differs", "0"), 16)
        except (zlib.error, ValueError, KeyError):
            raise PullError("the device sends an index that makes no sense") from None
        return made


class FromAgent:
    """One pull of one ring."""

    def __init__(self, shell: Shell, about: About, ring: str | None, keeper: Keeper, tell: Tell) -> None:
        """``ring``: its path, where the user names one. Each block is kept when it is whole."""
        self.shell, self.keeper, self.tell = shell, keeper, tell
        self.progress = Progress()
        self._program = f"r {quote(about.agent)} dump" + (f" --ring {quote(ring)}" if ring is not None else "")
        self._index: Index | None = None
        self._index_parts = Parts()
        self._parts: dict[int, Parts] = {}  # by slot
        self._waiting_bytes = 0  # that these take
        self._done: set[int] = set()  # slots
        self._slots: frozenset[int] = frozenset()  # that are sent
        self._early: dict[int, Pulled] = {}  # came before the index, by slot
        self._complaint = ""

    def pull(self, last_s: int | None) -> Progress:
        """Everything that is not kept already. Raises TooOld, PullError, ShellError, WireError."""
        for _ in range(IDLE_ROUNDS):
            options = {"--have": self.keeper.have(), "--same": self.keeper.same(), "--last": str(last_s or "")}
            try:
                self._ask("".join(f" {name} {quote(value)}" for name, value in options.items() if value))
            except Garbled:
                continue
            if self._index is not None:
                break
        else:
            raise PullError(f"{self.shell.wire.name}: the line garbles too much: not even an index came through")
        idle = 0
        while (wanted := [slot for slot in self._index.slots if slot not in self._done]) and idle < IDLE_ROUNDS:
            before = self.progress.done_bytes, len(self._done)
            with contextlib.suppress(Garbled):  # what is missing is named in a shorter command then
                self._again(wanted)
            idle = 0 if (self.progress.done_bytes, len(self._done)) > before else idle + 1
        self.progress.missing = len(wanted)
        if not wanted and not last_s:
            self.keeper.completed(int(self._index.values["ring"], 16), int(self._index.values["newest"]))
        self.tell(self.progress)
        return self.progress

    def _again(self, wanted: list[int]) -> None:
        """As much of what is missing as one command can name."""
        words, asked = "", 0
        for slot in wanted:
            known = self._parts.get(slot)
            missing = known.missing if known is not None else None
            word = ".".join(map(str, [slot, *(missing or [])]))
            if words and len(words) + len(word) > self.shell.room:
                break
            words += "," * bool(words) + word
            asked += len(missing) if missing else 1
        self.progress.again += asked
        before = sum(len(parts.found) for parts in self._parts.values()), len(self._done)
        self._ask(f" --want {words}")
        after = sum(len(parts.found) for parts in self._parts.values()), len(self._done)
        if after[1] == before[1] and after[0] - before[0] < asked * (1 - LOSSES):
            self._shorten()

    def _shorten(self) -> None:
        """Ask for shorter frames from now on; their parts are others, so what there is of blocks is given up."""
        incoming = self.shell.incoming
        if incoming.size > SMALLEST:
            incoming.expect(incoming.base, max(SMALLEST, incoming.size // 2))
            for parts in self._parts.values():
                self.progress.done_bytes -= parts.size
            self._parts.clear()
            self._waiting_bytes = 0

    def _ask(self, options: str) -> None:
        """One command, and what comes of it. Raises TooOld, PullError, ShellError, WireError."""
        came = 0
        for event in self.shell.run(f"{self._program} {self.shell.form}{options}", frames=True):
            came += len(event.data if isinstance(event, Frame) else event.text) + frames.OVERHEAD
            if came > (self.progress.total_bytes or 0) + SLACK:
                raise PullError(f"{self.shell.wire.name}: the device sends without end")
            if not isinstance(event, Frame):
                self._complaint = event.complaint
            elif event.kind == frames.INDEX:
                self._index_parts.add(event.part, event.parts, event.data)
                if self._index is None and not self._index_parts.missing:
                    self._begin(Index.read(self._index_parts.joined()))
            elif event.kind == frames.BLOCK and self._expected(event.number):
                self._part(event)
        if self.shell.status == USAGE:
            raise TooOld(f"{self.shell.wire.name}: {self._complaint or 'this agent sends no frames'}")
        if self.shell.status:
            raise PullError(f"{self.shell.wire.name}: {self._complaint or 'the agent on the device failed'}")

    def _begin(self, index: Index) -> None:
        """Nothing is kept before it is known that the ring is the one that was pulled before. Raises PullError."""
        if index.values["ring"] == "0" and index.values.get("blank") == "0":
            raise PullError(
                f"{self.shell.wire.name}: no block of a recording is in the ring there; is it the right file (--ring)?"
            )
        self.keeper.check_newest(int(index.values["ring"], 16), int(index.values["newest"]))
        if "differs" in index.values:
            raise Diverged(int(index.values["differs"], 16))
        self._index = index
        self._slots = frozenset(index.slots)
        self.progress.total_bytes = int(index.values["bytes"]) + self.progress.done_bytes
        early, self._early = self._early, {}
        for slot, block in early.items():
            self._whole(slot, block)

    def _expected(self, slot: int) -> bool:
        if self._index is not None and slot not in self._slots:
            return False
        return (
            slot not in self._done
            and slot not in self._early
            and (slot in self._parts or self._waiting_bytes < PARTS_LIMIT)
        )

    def _part(self, frame: Frame) -> None:
        parts = self._parts.setdefault(frame.number, Parts())
        size, cost = parts.size, parts.cost
        parts.add(frame.part, frame.parts, frame.data)
        self.progress.done_bytes += parts.size - size
        self._waiting_bytes += parts.cost - cost
        if parts.missing and parts.size <= MAX_BLOCK_SIZE:
            return
        block = unpacked(parts.joined()) if not parts.missing else None
        self._waiting_bytes -= parts.cost
        del self._parts[frame.number]
        if block is None:  # the agent wrote there between two of our questions: ask for the whole of it
            self.progress.done_bytes -= parts.size
            return
        self._whole(frame.number, block)

    def _whole(self, slot: int, block: Pulled) -> None:
        """A block is here; it waits for the index, which stands before all blocks but may have been garbled."""
        if self._index is None:
            if len(self._early) < EARLY:
                self._early[slot] = block
        elif slot in self._slots:
            self._done.add(slot)
            self.progress.blocks += 1
            self.keeper.add(block)
            self.tell(self.progress)

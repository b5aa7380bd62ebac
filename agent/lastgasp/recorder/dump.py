"""``lastgasp-agent dump``: the ring to standard output, as it is or in frames for a wire that garbles (ring.frames).

As frames, what is sent first is an index: which slots will be sent, of how many bytes. Then come the blocks, the newest
first, so that a wire that breaks has given what led to the end. Blocks that the asker has are left out, and so are
older versions of blocks. The ring is only read; the agent, if one runs, is asked to write what it holds first.

Index, compressed by zlib, one ``name value`` a line: ``agent`` (version), ``ring`` (id, hexadecimal), ``slots``,
``size`` (bytes of a block), ``blank`` (slots never written), ``newest`` (write number), ``bytes`` (of the blocks sent,
without what fills them up), ``send`` (slots in the order of sending: ``7-5 3``), ``differs`` (id of a ring of which a
write that was named by ``--same`` is another block: it was put back to an earlier state since).
"""

from __future__ import annotations

import posix
import sys
import zlib

from lastgasp import __version__
from lastgasp.recorder import complain, slots
from lastgasp.recorder.ask import NoAgent, ask
from lastgasp.ring import frames, heads
from lastgasp.ring.format import BLANK_MAGIC, CRC, HEADER, HEADER_SIZE
from lastgasp.ring.prepare import valid_block

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lastgasp.recorder.config import Config

PIECE = 65536
SIZE = 400  # bytes of data in a frame
OPTIONS = ("--ring", "--frames", "--base", "--size", "--have", "--same", "--last", "--want")


class Usage(Exception):
    """The words make no sense; str() is the line to show."""


def main(config: Config, words: list[str]) -> int:
    """Run the command; returns the exit status."""
    try:
        given = options(words, OPTIONS)
        word, base, size = form(given)
        have = slots.writes(given.get("--have", ""))
        same = slots.marks(given.get("--same", ""))
        want = _want(given.get("--want", ""))
        last_s = int(given.get("--last", 0))
    except (Usage, ValueError) as error:
        return complain(f"dump: {error}; see --help", 2)
    if not word and len(given) > ("--ring" in given):
        return complain("dump: only frames can be chosen: --frames WORD", 2)
    path = given.get("--ring", config.ring_path)
    if not word and sys.stdout.isatty():
        return complain("a ring is no text; redirect it: lastgasp-agent dump > ring.lgr", 2)
    if path == config.ring_path and not want:
        try:
            ask(config, "flush")
        except NoAgent:
            pass  # what is on flash is all there is
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
        try:
            length = slots.length(fd, config)
            if not word:
                _write(_whole(fd, length))
            elif want:
                _write(_wanted(fd, length, want, word.encode(), base, size))
            else:
                _write(_new(fd, length, have, same, last_s, word.encode(), base, size))
        finally:
            posix.close(fd)
        sys.stdout.flush()
    except BrokenPipeError:
        return 1
    except OSError as error:
        return complain(f"{path}: {error.strerror}; is this where the agent keeps its ring (ring_path)?", 1)
    return 0


def _write(pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        sys.stdout.buffer.write(piece)


# -- what is asked for -----------------------------------------------------------------------------------


def options(words: list[str], known: tuple[str, ...]) -> dict[str, str]:
    """Options with their values. Raises Usage."""
    found = {}
    for at in range(0, len(words), 2):
        if words[at] not in known or at + 1 == len(words):
            raise Usage(f"{words[at]!r} is none of its options, or needs a value")
        found[words[at]] = words[at + 1]
    return found


def form(given: dict[str, str]) -> tuple[str, int, int]:
    """The word ("": no frames), base and size of frames. Raises Usage, ValueError."""
    base, size = int(given.get("--base", frames.BASE85)), int(given.get("--size", SIZE))
    if base not in (frames.BASE64, frames.BASE85) or not frames.LEAST_DATA <= size <= frames.MOST_DATA:
        raise Usage(f"--base is 64 or 85, --size {frames.LEAST_DATA} to {frames.MOST_DATA}")
    return given.get("--frames", ""), base, size


def _want(text: str) -> list[tuple[int, list[int]]]:
    """``7,3.0.4``: the slot 7, and of slot 3 the parts 0 and 4."""
    found = []
    for one in text.split(",") if text else ():
        slot, *parts = one.split(".")
        found.append((int(slot), [int(part) for part in parts]))
    return found


# -- what is sent ----------------------------------------------------------------------------------------


def _whole(fd: int, length: int) -> Iterator[bytes]:
    """The ring's bytes as they are."""
    at = 0
    while at < length:
        piece = posix.pread(fd, min(PIECE, length - at), at)
        if not piece:
            return
        at += len(piece)
        yield piece


def _packed(block: bytes) -> bytes:
    """A block without the zeros that fill it up."""
    return block[: HEADER_SIZE + int(HEADER.unpack_from(block)[5])] + block[-CRC.size :]


def _wanted(
    fd: int, length: int, want: list[tuple[int, list[int]]], word: bytes, base: int, size: int
) -> Iterator[bytes]:
    """Slots or parts of them, again."""
    block_size = slots.block_size(fd, length)
    for slot, parts in want:
        block = slots.read(fd, block_size, slot)
        if valid_block(block):
            lines = frames.pack(_packed(block), frames.BLOCK, slot, size, word, base)
            yield from [line for part, line in enumerate(lines) if not parts or part in parts]


def _new(
    fd: int, length: int, have: slots.Writes, same: slots.Marks, last_s: int, word: bytes, base: int, size: int
) -> Iterator[bytes]:
    """The index, then what the asker has not."""
    block_size = slots.block_size(fd, length)
    found = []
    blank = 0
    differs = None  # a ring of which the asker has another block of the same write
    for slot in range(length // block_size):
        block = slots.read(fd, block_size, slot)
        blank += block.startswith(BLANK_MAGIC)
        if valid_block(block):
            head = heads.Head(slot, block)
            found.append(head)
            if same.get((head.ring, head.write), crc := CRC.unpack_from(block, len(block) - CRC.size)[0]) != crc:
                differs = head.ring
    chosen = heads.in_order(found)
    newest = chosen[0] if chosen else None
    if last_s:
        chosen = heads.latest(chosen, last_s * 1000)
    chosen = [one for one in chosen if not slots.named(have, one.ring, one.write)]
    lines = [
        b"agent %s" % __version__.encode(),
        b"ring %x" % (newest.ring if newest is not None else 0),
        b"slots %d" % (length // block_size),
        b"size %d" % block_size,
        b"blank %d" % blank,
        b"newest %d" % (newest.write if newest is not None else 0),
        b"bytes %d" % sum(one.size for one in chosen),
        b"send " + _runs([one.slot for one in chosen]),
    ]
    if differs is not None:
        lines.append(b"differs %x" % differs)
    yield from frames.pack(zlib.compress(b"\n".join(lines)), frames.INDEX, 0, size, word, base)
    for one in chosen:
        block = slots.read(fd, block_size, one.slot)
        if valid_block(block):  # the agent may be writing there
            yield from frames.pack(_packed(block), frames.BLOCK, one.slot, size, word, base)


def _runs(numbers: list[int]) -> bytes:
    """``7-5 3``: numbers that follow one another down or up are named by the first and the last of them."""
    runs: list[list[int]] = []
    for number in numbers:
        if (
            runs
            and abs(number - runs[-1][-1]) == 1
            and (len(runs[-1]) < 2 or number - runs[-1][-1] == runs[-1][1] - runs[-1][0])
        ):
            runs[-1].append(number)
        else:
            runs.append([number])
    return b" ".join([b"%d-%d" % (run[0], run[-1]) if len(run) > 1 else b"%d" % run[0] for run in runs])

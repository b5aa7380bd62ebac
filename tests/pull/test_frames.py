"""Frames: what is packed is unpacked, what is garbled is not, what the kernel splits is put together again."""

from __future__ import annotations

import random

import pytest
from faults import KERNEL

from lastgasp.pull.blocks import Parts
from lastgasp.pull.console.incoming import Frame, Incoming
from lastgasp.ring import frames

WORD = b"0123abcd"
ROUNDS = 300


@pytest.mark.parametrize("base", [frames.BASE64, frames.BASE85])
def test_any_bytes_come_back(base: int) -> None:
    chance = random.Random(base)
    for _ in range(ROUNDS):
        data = chance.randbytes(chance.randrange(3000))
        size = chance.randint(frames.LEAST_DATA, 700)
        number = chance.randrange(1 << 32)
        parts = Parts()
        lines = frames.pack(data, frames.BLOCK, number, size, WORD, base)
        chance.shuffle(lines)
        for line in lines:
            assert line.startswith(frames.START) and line.endswith(b"\n") and line[1:-1].isascii()
            found = frames.unpack(line[1:-1], WORD, base)
            assert found is not None and found[:2] == (frames.BLOCK, number)
            parts.add(*found[2:])
        assert not parts.missing
        assert parts.joined() == data


@pytest.mark.parametrize("base", [frames.BASE64, frames.BASE85])
def test_what_is_garbled_or_somebody_elses_is_no_frame(base: int) -> None:
    chance = random.Random(base)
    (line,) = frames.pack(chance.randbytes(200), frames.BLOCK, 7, 400, WORD, base)
    letters = line[1:-1]
    right = frames.unpack(letters, WORD, base)
    assert frames.unpack(letters, b"99999999", base) is None
    for _ in range(20 * ROUNDS):
        bad = bytearray(letters)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(bad))
            match chance.randrange(3):
                case 0:
                    bad[at] ^= 1 << chance.randrange(8)
                case 1:
                    del bad[at]
                case 2:
                    bad.insert(at, chance.randrange(256))
        assert frames.unpack(bytes(bad), WORD, base) in (None, right)


def test_frames_into_which_the_kernel_wrote_whole_lines_are_mended() -> None:
    chance = random.Random(5)
    for _ in range(ROUNDS):
        incoming = Incoming(WORD, frames.BASE85, 400)
        (line,) = frames.pack(chance.randbytes(400), frames.BLOCK, 7, 400, WORD, frames.BASE85)
        at = chance.randint(2, len(line) - 2)
        printed = b"".join(b"\r\n[   12.345678] %s\r\n" % one for one in chance.choices(KERNEL, k=chance.randint(1, 3)))
        events = incoming.feed(line[:at] + printed + line[at:])
        assert [event.number for event in events if isinstance(event, Frame)] == [7], at
        assert incoming.mended == 1


def test_noise_in_any_pieces_is_never_an_event_and_never_raises() -> None:
    chance = random.Random(6)
    incoming = Incoming(WORD, frames.BASE85, 400)
    for _ in range(ROUNDS):
        assert incoming.feed(chance.randbytes(chance.randrange(4000))) == []
        assert incoming.feed(b":0123abcd" + chance.randbytes(50) + b"\n") == []

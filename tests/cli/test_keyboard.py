"""Bytes of a terminal into keys, however they are cut into pieces."""

from __future__ import annotations

import random

import pytest

from lastgasp.cli.keyboard import SEQUENCES, keys


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"q", ["q"]),
        (b"\x1b[D\x1b[C", ["left", "right"]),
        (b"\x1b[5~\x1b[6~\x1bOH\x1b[4~", ["pgup", "pgdn", "home", "end"]),
        (b"\x1b[1;5C", []),  # with Ctrl: none of ours, and no letter C
        (b"\x1b[200~x\x1b[201~", ["x"]),
        (b"\r\x7f", ["enter", "backspace"]),
        ("é日".encode(), ["é", "日"]),
        (b"\xffa\x01", ["�", "a"]),
        (b"\x1b", ["esc"]),
        (b"\x1bq", ["esc", "q"]),
        (b"\x1b\x1b[A", ["esc", "up"]),
    ],
)
def test_each_sequence_is_its_key(data: bytes, found: list[str]) -> None:
    assert keys(data, False) == (found, b"")


def test_pieces_give_the_same_keys() -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(300):
        parts = [b"\x1b" + chance.choice(list(SEQUENCES)) if chance.random() < 0.6 else b"jx" for _ in range(8)]
        data = b"".join(parts)
        found, rest = [], b""
        while data:
            size = chance.randint(1, 4)
            piece, data = data[:size], data[size:]
            some, rest = keys(rest + piece, True)
            found += some
        assert (found, rest) == keys(b"".join(parts), False)


def test_noise_ends() -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(1000):
        data = bytes(chance.choice(b"\x1b[O~;0123A\xc3\xff q") for _ in range(chance.randrange(40)))
        found, rest = keys(data, False)
        assert rest == b"" and all(len(key) == 1 or key.isalpha() for key in found)

"""Encoder and decoder: what goes in comes out, and what is unknown is passed over."""

from __future__ import annotations

import random
from typing import Any

import pytest

from lastgasp.ring.definition import TableDefinition
from lastgasp.ring.encoder import Encoder, pack_row, unpack_row
from lastgasp.ring.format import ABSENT, EVENT, SAMPLE, put_bytes, put_signed, put_varint
from lastgasp.ring.parts import varint
from lastgasp.ring.payload import Decoder, Pairs, Series

EDGES = [0, 1, -1, 63, 64, -64, -65, 127, 128, 2**31, -(2**31), 2**62, -(2**62), 2**63 - 1, -(2**63) + 1]


class Notes:
    """A sink that writes down what it is told."""

    def __init__(self) -> None:
        self.all_series: dict[tuple[bytes, bytes], list[Series]] = {}
        self.labels: dict[bytes, bytes] = {}
        self.samples: list[tuple[int, int]] = []
        self.said: list[tuple[Any, ...]] = []

    def series(self, table: TableDefinition, key: bytes, label: bytes) -> Series:
        series = Series(table.columns)
        self.all_series.setdefault((table.name, key), []).append(series)
        self.labels[key] = label
        return series

    def sample(self, at_ms: int, flags: int) -> None:
        self.samples.append((at_ms, flags))

    def attributes(self, at_ms: int, table: TableDefinition, key: bytes, pairs: Pairs) -> None:
        self.said.append(("attributes", at_ms, table.name, key, pairs))

    def gone(self, at_ms: int, table: TableDefinition, key: bytes, pairs: Pairs) -> None:
        self.said.append(("gone", at_ms, table.name, key, pairs))

    def event(self, at_ms: int, kind: bytes, pairs: Pairs) -> None:
        self.said.append(("event", at_ms, kind, pairs))

    def kmsg(self, at_ms: int, records: list[bytes]) -> None:
        self.said.append(("kmsg", at_ms, records))


def encoder() -> Encoder:
    made = Encoder(lambda: None)
    made.soft_limit = 1 << 30
    return made


def decode(payload: bytes, base_ms: int = 0) -> tuple[Notes, Decoder]:
    notes = Notes()
    decoder = Decoder(notes)
    decoder.reset(blind=False)
    decoder.feed(payload, base_ms)
    return notes, decoder


def test_varints_of_every_length_come_back() -> None:
    for value in [0, 1, 127, 128, 300, 2**14, 2**21 - 1, 2**32, 2**63, 2**64 - 1]:
        out = bytearray()
        put_varint(out, value)
        assert varint(bytes(out), 0) == (value, len(out))


def test_values_at_the_edges_of_64_bits_come_back_as_first_values_and_as_changes() -> None:
    made = encoder()
    table = made.table(b"t", (b"a",))
    expected: list[int] = []
    for at, value in enumerate([*EDGES, *reversed(EDGES)]):
        made.begin(at, 1)
        if not made.update(table, 1, (value,)):
            made.introduce(table, 1, b"k", b"", (value,))
        made.end()
        if not expected or expected[-1] != value:
            expected.append(value)
    notes, decoder = decode(bytes(made.payload))
    assert decoder.undecodable == 0
    assert [v for series in notes.all_series[b"t", b"k"] for v in series.flat] == expected
    differences = max(len(s.flat) for s in notes.all_series[b"t", b"k"])
    assert differences > 5, "most changes were written as differences"


def test_a_row_that_did_not_change_costs_nothing() -> None:
    made = encoder()
    table = made.table(b"t", (b"a", b"b"))
    made.begin(0, 1)
    made.introduce(table, 1, b"k", b"", (5, 6))
    made.end()
    before = len(made.payload)
    made.begin(1000, 1)
    assert made.update(table, 1, (5, 6))
    made.end()
    assert len(made.payload) - before == 2 + 2 + 1  # kind and length, two bytes of time, flags


def test_a_value_that_goes_absent_or_appears_introduces_the_row_anew() -> None:
    made = encoder()
    table = made.table(b"t", (b"a", b"b"))
    for at, values in enumerate([(1, None), (1, 2), (None, 2), (3, 2)]):
        made.begin(at, 1)
        if not made.update(table, 1, values):
            made.introduce(table, 1, b"k", b"", values)
        made.end()
    notes, _ = decode(bytes(made.payload))
    points = [tuple(s.flat) for s in notes.all_series[b"t", b"k"]]
    assert points == [(1, ABSENT), (1, 2), (ABSENT, 2), (3, 2)]


def test_a_clock_that_goes_back_stands_still() -> None:
    made = encoder()
    for at in (5000, 6000, 2000, 7000):
        made.event(at, b"e", [])
    assert made.base_ms == 5000
    notes, _ = decode(bytes(made.payload), made.base_ms)
    assert [said[1] for said in notes.said] == [5000, 6000, 6000, 7000]


def test_names_keys_and_texts_may_hold_any_bytes() -> None:
    rng = random.Random(7)
    made = encoder()
    table = made.table(b"t", (b"a",))
    key, label, text = rng.randbytes(40), b"\0\x1b[2J\n<script>", rng.randbytes(300)
    made.begin(0, 1)
    made.introduce(table, 1, key, label, (1,))
    made.end()
    made.attributes(0, table, key, [(b"comm", text)])
    made.kmsg(0, [b"", b"6,1,2,-;" + text])
    made.gone(0, table, 1, key, [(b"exit_code", b"9")])
    notes, decoder = decode(bytes(made.payload))
    assert decoder.undecodable == decoder.unknown == 0
    assert notes.labels == {key: label}
    assert notes.said == [
        ("attributes", 0, b"t", key, [(b"comm", text)]),
        ("kmsg", 0, [b"", b"6,1,2,-;" + text]),
        ("gone", 0, b"t", key, [(b"exit_code", b"9")]),
    ]


def test_unknown_record_kinds_are_skipped_and_counted() -> None:
    made = encoder()
    made.event(1, b"before", [])
    made.payload += bytes((99, 4)) + b"\x00abc"
    made.event(2, b"after", [])
    notes, decoder = decode(bytes(made.payload))
    assert [said[2] for said in notes.said] == [b"before", b"after"]
    assert (decoder.unknown, decoder.undecodable) == (1, 0)


def test_tables_and_columns_that_nobody_knows_are_carried_by_name() -> None:
    made = encoder()
    table = made.table(b"from.the.future", (b"x", b"y"))
    made.begin(0, 1)
    made.introduce(table, 1, b"", b"", (1, 2))
    made.end()
    notes, _ = decode(bytes(made.payload))
    (series,) = notes.all_series[b"from.the.future", b""]
    assert series.columns == (b"x", b"y")


def test_a_blind_decoder_trusts_no_row_but_tells_events() -> None:
    made = encoder()
    table = made.table(b"t", (b"a",))
    made.begin(0, 1)
    made.introduce(table, 1, b"k", b"", (1,))
    made.end()
    made.event(0, b"mark", [])
    notes = Notes()
    decoder = Decoder(notes)
    decoder.reset(blind=True)
    decoder.feed(bytes(made.payload), 0)
    assert not notes.all_series and not notes.samples
    assert [said[0] for said in notes.said] == ["event"]
    assert (decoder.unseen, decoder.undecodable) == (1, 0)


BAD_SAMPLES = {
    "of a table that was not defined": b"\0\7\1x\0\1\2",
    "with a value over 64 bits": b"\0\0\1x\0\1" + b"\xff" * 10 + b"\1",
    "with a difference to an absent value": b"\2\1\2",
}


@pytest.mark.parametrize("row", BAD_SAMPLES.values(), ids=BAD_SAMPLES)
def test_no_row_number_is_trusted_behind_a_row_that_makes_no_sense(row: bytes) -> None:
    made = encoder()
    table = made.table(b"t", (b"a",))
    made.begin(0, 1)
    made.introduce(table, 1, b"k", b"", (1,))
    made.introduce(table, 2, b"l", b"", (None,))
    made.end()
    made.payload += bytes((SAMPLE, len(row) + 2, 0, 1)) + row
    made.begin(1, 1)
    made.introduce(table, 3, b"m", b"", (5,))
    made.end()
    made.event(2, b"mark", [])
    notes, decoder = decode(bytes(made.payload))
    assert decoder.undecodable == 1
    assert [list(s.flat) for series in notes.all_series.values() for s in series] == [[1], [ABSENT]]
    assert [said[2] for said in notes.said] == [b"mark"]


@pytest.mark.parametrize("head", [b"\xff" * 10 + b"\1", b"\5" + b"\xff" * 10 + b"\1", b"\5\0", b"\5\177"])
def test_behind_a_record_whose_end_cannot_be_told_nothing_is_trusted(head: bytes) -> None:
    made = encoder()
    made.event(0, b"before", [])
    notes, decoder = decode(bytes(made.payload) + head)
    assert [said[2] for said in notes.said] == [b"before"]
    assert (decoder.undecodable, decoder.blind) == (1, True)


def test_records_split_over_a_long_sample_are_one_sample_to_the_reader() -> None:
    made = encoder()
    table = made.table(b"t", (b"a",))
    made.begin(0, 1)
    for number in range(500):
        made.introduce(table, number, b"k%d" % number, b"", (number,))
    made.end()
    notes, _ = decode(bytes(made.payload))
    assert len(notes.all_series) == 500
    assert [flags for _, flags in notes.samples][:2] == [1, 9]


def test_any_bytes_at_all_decode_without_an_exception() -> None:
    rng = random.Random(11)
    made = encoder()
    table = made.table(b"t", (b"a", b"b", b"c"))
    for at in range(40):
        made.begin(at, 1)
        for number in range(8):
            values = (rng.randrange(9), rng.randrange(10**6), None)
            if not made.update(table, number, values):
                made.introduce(table, number, b"k%d" % number, b"", values)
        made.end()
        made.event(at, b"mark", [(b"text", b"x")])
    good = bytes(made.payload)
    for turn in range(3000):
        bad = bytearray(good)
        for _ in range(rng.randrange(1, 6)):
            kind = rng.randrange(3)
            at = rng.randrange(len(bad))
            if kind == 0:
                bad[at] = rng.randrange(256)
            elif kind == 1:
                del bad[at : at + rng.randrange(20)]
            else:
                bad[at:at] = rng.randbytes(rng.randrange(20))
        decode(bytes(bad))
        assert turn >= 0


def test_a_record_by_hand_is_what_the_format_says() -> None:
    body = bytearray()
    put_varint(body, 3)  # ms since the record before
    put_bytes(body, b"mark")
    put_bytes(body, b"text")
    put_bytes(body, b"hello")
    made = encoder()
    made.event(0, b"x", [])
    made.event(3, b"mark", [(b"text", b"hello")])
    assert bytes(made.payload).endswith(bytes((EVENT, len(body))) + bytes(body))
    signed = bytearray()
    for value in (0, -1, 1, -2):
        put_signed(signed, value)
    assert bytes(signed) == bytes((0, 1, 2, 3))
    assert SAMPLE == 2


def test_rows_kept_in_memory_come_back_as_they_were() -> None:
    rng = random.Random(5)
    for _ in range(2000):
        values = tuple(rng.choice([None, 0, rng.choice(EDGES), rng.randrange(500)]) for _ in range(rng.randrange(40)))
        number = rng.randrange(300)
        assert unpack_row(pack_row(number, values)) == (number, list(values))

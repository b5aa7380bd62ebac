"""Samples as a device streams them, into a recording that grows: from the real sampler, with frames lost on the way."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

import pytest
from fake_proc import FakeProc

from lastgasp.pull.console.incoming import Frame, Incoming
from lastgasp.pull.follow import Follow
from lastgasp.recorder import follow as device
from lastgasp.recorder.config import Config
from lastgasp.ring import frames
from lastgasp.ring.dictionary import DICTIONARY
from lastgasp.timeline.growing import Growing
from lastgasp.timeline.model import Boot, Recording

WORD = b"0badcafe"
SIZE = 400


class Device:
    """The sampler of a device over a fake /proc, whose clock we turn."""

    def __init__(self, fake: FakeProc, interval_ms: int = 1000) -> None:
        self.fake = fake
        self.incoming = Incoming(WORD, frames.BASE85, SIZE)
        self.now_ms = 10_000
        self.interval_ms = interval_ms
        self.sent: list[Frame] = []
        self.begin()

    def begin(self) -> None:
        """A stream from its beginning."""
        config = Config()
        config.interval = self.interval_ms
        stream = device.Stream(self._hear, WORD, frames.BASE85, SIZE, bytes(range(16)))
        self.follower = device.Follower(stream, config, self.fake.root)

    def _hear(self, line: bytes) -> None:
        for event in self.incoming.feed(line):
            assert isinstance(event, Frame)
            self.sent.append(event)

    def sample(self) -> list[Frame]:
        """The frames of the next one."""
        self.sent = []
        self.follower.sample(self.now_ms)
        self.now_ms += self.interval_ms
        return self.sent


@pytest.fixture
def board(fake: FakeProc) -> Device:
    fake.process(1, b"init", start=3)
    fake.process(40, b"kworker", start=4, kernel=True, rss=0, shared=0)
    for pid in range(200, 220):
        fake.process(pid, b"daemon-%d" % pid, rss=1000 + pid)
    return Device(fake)


def grown(follow: Follow) -> Recording:
    growing = Growing("board")
    growing.add(follow.blocks())
    return growing.recording


def pages(boot: Boot, pid: int) -> list[int]:
    return list(boot.points("process", b"%d@1000" % pid, "rss")[1])


def state(recording: Recording) -> object:
    """All that two recordings have to have in common to be the same."""
    found = []
    for boot in recording.boots:
        rows = [(table, key, parts) for table, some in boot.tables.items() for key, parts in some.items()]
        values = [(table, key, [(s.columns, s.at, s.flat) for s in parts]) for table, key, parts in rows]
        times = boot.sample_at, boot.sample_flags, boot.first_ms, boot.last_ms, boot.gaps
        found.append((times, boot.events, boot.processes, sorted(values, key=lambda row: row[:2])))
    return found


def test_each_sample_makes_the_recording_longer(board: Device) -> None:
    follow = Follow()
    follow.begin()
    for number in range(30):
        board.fake.counters(200, b"daemon-200", rss=2000 + number, cpu=number)
        taken = [follow.take(frame) for frame in board.sample()]
        assert taken[-1]
        (boot,) = grown(follow).boots
        assert len(boot.sample_at) == number + 1
        assert pages(boot, 200)[-1] == 2000 + number
    assert follow.lost == 0
    recording = grown(follow)
    assert (recording.missing, recording.undecodable, recording.unseen, recording.boots[0].gaps) == (0, 0, 0, [])
    assert recording.boots[0].processes[b"210@1000"].attributes["cmdline"] == b"/usr/bin/daemon-210 --flag"
    assert recording.boots[0].processes[b"40@4"].attributes["kernel"] == b"1"
    assert recording.blocks > 2, "key blocks come again and again"


def test_what_is_decoded_piece_by_piece_is_what_is_decoded_at_once(board: Device) -> None:
    follow, growing = Follow(), Growing("board")
    follow.begin()
    for number in range(40):
        board.fake.counters(200 + number % 20, b"daemon-%d" % (200 + number % 20), rss=3000 + number)
        for frame in board.sample():
            if follow.take(frame) and number % 3 == 0:
                growing.add(follow.blocks(growing.last))
    growing.add(follow.blocks(growing.last))
    assert state(growing.recording) == state(grown(follow))


def test_who_ends_is_gone_and_who_is_born_is_there(board: Device) -> None:
    follow = Follow()
    follow.begin()
    for number in range(6):
        if number == 2:
            board.fake.end(205)
            board.fake.process(300, b"late", start=5000)
        for frame in board.sample():
            follow.take(frame)
    (boot,) = grown(follow).boots
    assert boot.processes[b"205@1000"].gone_ms == 12_000
    assert b"300@5000" in boot.processes


@pytest.mark.parametrize("seed", range(3))
def test_lost_frames_are_a_gap_and_nothing_is_invented(board: Device, seed: int) -> None:
    """What is there is right: each process's pages are told by the clock."""
    dice = random.Random(seed)
    print(f"seed {seed}")
    follow = Follow()
    follow.begin()
    for _ in range(60):
        for pid in range(200, 220):
            board.fake.counters(pid, b"daemon-%d" % pid, rss=pid + board.now_ms // 1000)
        for frame in board.sample():
            if dice.random() > 0.1:
                follow.take(frame)
    recording = grown(follow)
    (boot,) = recording.boots
    assert follow.lost > 0 and recording.missing > 0 and 10 < len(boot.sample_at) < 60
    assert recording.undecodable == recording.unseen == 0
    for pid in range(200, 220):
        times, values = boot.points("process", b"%d@1000" % pid, "rss")
        assert [pid + at // 1000 for at in times] == list(values)
    last = boot.sample_at[-1]
    assert boot.points("process", b"219@1000", "rss")[0][-1] == last


def test_a_stream_that_begins_again_goes_on_behind_a_gap(board: Device) -> None:
    follow = Follow()
    for _ in range(2):
        follow.begin()
        board.begin()
        for _ in range(3):
            for frame in board.sample():
                follow.take(frame)
        board.now_ms += 60_000
    recording = grown(follow)
    (boot,) = recording.boots
    assert len(boot.sample_at) == 6
    assert [(gap.from_ms, gap.to_ms) for gap in boot.gaps] == [(12_000, 73_000)]


def test_the_older_half_goes_when_there_is_too_much(board: Device) -> None:
    follow = Follow(limit=32 * 1024)
    follow.begin()
    most = 0
    for number in range(150):
        board.fake.counters(200, b"daemon-200", rss=2000 + number)
        for frame in board.sample():
            follow.take(frame)
        most = max(most, len(follow.blocks()))
    assert 16 * 1024 < most <= 32 * 1024
    recording = grown(follow)
    (boot,) = recording.boots
    assert recording.unseen == recording.missing == 0 and 30 < len(boot.sample_at) < 150
    assert pages(boot, 200)[-1] == 2149


def test_thousands_of_processes_take_many_blocks(fake: FakeProc) -> None:
    for pid in range(1000, 1500):
        fake.process(pid, b"worker", born=False)
    follow = Follow()
    follow.begin()
    many = Device(fake)
    for _ in range(2):
        for frame in many.sample():
            follow.take(frame)
    recording = grown(follow)
    assert len(recording.boots[0].processes) == 500
    assert len(recording.boots[0].sample_at) == 2
    assert recording.blocks > 1 and recording.missing == 0


# -- a device that means harm --------------------------------------------------------------------------------


def piece(raw: bytes, number: int = 0, block: int = 0, at: int = 0, flags: int = 1, base_ms: int = 1000) -> Frame:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)
    data = struct.pack("<BII", flags, block, at)
    data += struct.pack("<qq16s", base_ms, 0, bytes(16)) if not at else b""
    return Frame(frames.LIVE, number, 0, 1, data + deflate.compress(raw) + deflate.flush(zlib.Z_SYNC_FLUSH))


def with_data(data: bytes) -> Frame:
    return Frame(frames.LIVE, 0, 0, 1, data)


HARM: dict[str, Frame] = {
    "a bomb": piece(bytes(10_000_000)),
    "a part of a head": with_data(b"\1\0\0"),
    "no clocks": with_data(struct.pack("<BII", 1, 0, 0)),
    "no deflate": with_data(struct.pack("<BIIqq16s", 1, 0, 0, 1000, 0, bytes(16)) + b"\xff" * 50),
    "a clock of before the boot": piece(b"x", base_ms=-1),
    "a clock of another age": piece(b"x", base_ms=(1 << 63) - 1),
    "no key block": piece(b"x", flags=0),
    "the middle of a block": piece(b"x", at=7),
    "another kind": Frame(frames.BLOCK, 0, 0, 1, b"x" * 100),
    "nothing": piece(b""),
}


@pytest.mark.parametrize("what", HARM)
def test_what_is_no_piece_is_not_taken(what: str) -> None:
    follow = Follow()
    follow.begin()
    assert not follow.take(HARM[what])
    assert follow.blocks() == b""


def test_a_device_that_never_stops_costs_no_more_than_the_limit() -> None:
    follow = Follow(limit=256 * 1024)
    follow.begin()
    noise = random.Random(1).randbytes(20_000)
    for number in range(1000):
        assert follow.take(piece(noise, number, number))
    assert len(follow.blocks()) <= 256 * 1024
    growing = Growing("x")
    growing.add(follow.blocks())
    assert growing.recording.undecodable > 0


@pytest.mark.parametrize("seed", range(3))
def test_frames_in_any_disorder_end_in_a_recording(board: Device, seed: int) -> None:
    dice = random.Random(seed)
    sent = [frame for _ in range(30) for frame in board.sample()]
    follow, growing = Follow(), Growing("x")
    follow.begin()
    spoil: list[Callable[[Frame], list[Frame]]] = [
        lambda frame: [frame, frame],
        lambda frame: [],
        lambda frame: [dice.choice(sent), frame],
        lambda frame: [Frame(frame.kind, frame.number, frame.part, frame.parts, dice.randbytes(len(frame.data)))],
        lambda frame: [Frame(frame.kind, dice.randrange(1 << 32), frame.part, frame.parts, frame.data)],
    ]
    for frame in sent:
        for one in dice.choice(spoil)(frame) if dice.random() < 0.05 else [frame]:
            if follow.take(one):
                growing.add(follow.blocks(growing.last))
    assert state(growing.recording) == state(grown(follow))

"""``lastgasp-agent clear`` beside an agent that writes: never is a block lost that was not named."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_blocks import block
from test_command import Device

from lastgasp.recorder import clear
from lastgasp.ring import prepare
from lastgasp.ring.format import HEADER
from lastgasp.ring.scan import Block, scan
from lastgasp.ring.storage import FileStorage
from lastgasp.ring.writer import Place, RingWriter
from lastgasp.timeline.load import load

SIZE = 4096
RING = 7


class Remembering(FileStorage):
    """Storage that knows what the writer put where."""

    __slots__ = ("put",)

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        self.put: dict[int, bytes] = {}

    def write(self, offset: int, data: bytes | bytearray) -> None:
        super().write(offset, data)
        self.put[offset // SIZE] = bytes(data)


class Written:
    """A ring of so many slots and the real writer to it."""

    def __init__(self, path: Path, slots: int, rnd: random.Random) -> None:
        self.path, self.slots, self.rnd = path, slots, rnd
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        self.storage = Remembering(self.fd)
        prepare.fill(self.storage, 0, slots * SIZE, SIZE)
        self.storage.put.clear()
        self.now_ms = 0
        self._go_on(Place(RING, slots, 0, 0, 0))

    def _go_on(self, place: Place) -> None:
        self.writer = RingWriter(self.storage, place, SIZE, b"b" * 16, lambda: 0)

    def mark(self, times: int = 1) -> None:
        for _ in range(times):
            self.now_ms += 1
            self.writer.encoder.event(self.now_ms, b"mark", [(b"text", self.rnd.randbytes(250))])

    def flush(self) -> None:
        assert self.writer.flush()

    def restart(self) -> None:
        """An agent that ended without a last word, and the next one, as it finds its place."""
        found = prepare.find_place(self.storage, self.slots, SIZE).place
        assert found is not None and found.ring_id == RING
        assert found.write_number == self.writer.place.write_number
        self._go_on(found)

    def blocks(self) -> dict[int, Block]:
        """By slot."""
        with self.path.open("rb") as file:
            return {one.slot: one for one in scan(file).blocks}

    def clear(self, *held: int) -> None:
        clear._clear(self.fd, self.slots * SIZE, {RING: [(one, one) for one in held]})


class Agent:
    """What the agent does while clear is under way."""

    def __init__(self) -> None:
        self.between: Callable[[], None] = lambda: None  # two slots
        self.at_once: Callable[[], None] = lambda: None  # between the last look at a slot and the write to it


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Agent:
    does = Agent()
    real = prepare.blank_block

    def blank(size: int) -> bytes:
        does.between()
        return real(size)

    class Late(FileStorage):
        def write(self, offset: int, data: bytes | bytearray) -> None:
            does.at_once()
            super().write(offset, data)

    monkeypatch.setattr(clear, "blank_block", blank)
    monkeypatch.setattr(clear, "FileStorage", Late)
    return does


def test_the_slot_that_an_early_write_gave_up_is_the_agents(tmp_path: Path, agent: Agent) -> None:
    """It lies before the newest block; the agent closes the block there while clear is under way."""
    ring = Written(tmp_path / "ring", 64, random.Random(1))
    while ring.writer.place.block_number < 100:
        ring.mark()
    for _ in range(2):
        ring.mark()
        ring.flush()
    newest = max(ring.blocks().values(), key=lambda one: one.write_number)
    spare = ring.writer._spare
    assert spare == newest.slot - 1

    def close() -> None:
        if ring.writer.place.block_number == newest.number:
            ring.mark(20)

    agent.between = close
    ring.clear(*range(newest.write_number))
    ring.mark(20)
    closed = ring.blocks()[spare]
    assert (closed.number, closed.open) == (newest.number, False)


@pytest.mark.parametrize("seed", range(12))
def test_never_is_a_block_lost_that_was_not_named(seed: int, tmp_path: Path, agent: Agent) -> None:
    """Early writes, crashes and clears at random, each clear with what a laptop got earlier; the agent writes on."""
    print("seed", seed)
    rnd = random.Random(seed)
    ring = Written(tmp_path / "ring", rnd.choice((32, 40, 64, 128)), rnd)
    held: set[int] = set()
    cleared = 0

    def write(most: int) -> None:
        for _ in range(rnd.randrange(most)):
            ring.mark(rnd.randrange(1, 12))
            if rnd.random() < 0.6:
                ring.flush()

    def one_write() -> None:
        ring.mark(rnd.randrange(12))
        ring.flush()

    agent.between = lambda: write(4) if rnd.random() < 0.5 else None
    agent.at_once = lambda: one_write() if rnd.random() < 0.5 else None
    ring.mark()
    ring.flush()
    for _ in range(25):
        write(60)
        if rnd.random() < 0.3:
            held |= {one.write_number for one in ring.blocks().values() if rnd.random() < 0.95}
        if rnd.random() < 0.2:
            ring.restart()
        ring.clear(*held)
        there, blank = ring.blocks(), []
        for slot, data in ring.storage.put.items():
            if os.pread(ring.fd, SIZE, slot * SIZE) != data:
                assert HEADER.unpack_from(data)[9] in held
                assert slot not in there
                blank.append(slot)
        for slot in blank:
            del ring.storage.put[slot]
        cleared += len(blank)
        newest = max(one.number for one in there.values())
        assert {one.number for one in there.values()} >= set(range(max(0, newest - prepare.RECENT), newest + 1))
    print(cleared, "slots cleared")
    assert cleared


def test_what_a_laptop_has_is_cleared_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    path.write_bytes(b"".join(block(n, n, slots=64).data for n in (*range(64, 100), *range(36, 64))))
    with path.open("r+b") as file:
        clear._clear(file.fileno(), 64 * SIZE, {RING: [(0, 40), (50, 99)], 8: [(0, 99)]})
        left = sorted(one.write_number for one in scan(file).blocks)
    # 41 to 49 were not named; the newest is in slot 35: 91 to 98 stand before it, 36 to 43 behind it.
    assert left == [*range(36, 50), *range(91, 100)]


# -- a real agent ----------------------------------------------------------------------------------------


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    made = Device(tmp_path)
    yield made
    made.end()


def test_a_running_agent_goes_on_and_loses_nothing(device: Device) -> None:
    agent = device.start()
    told = 0

    def tell() -> None:
        nonlocal told
        assert device.ask_socket(f"mark {told} {random.Random(told).randbytes(110).hex()}") == "ok"
        assert device.ask_socket("flush") == "ok"
        told += 1

    def blocks() -> list[Block]:
        with device.ring.open("rb") as file:
            return scan(file).blocks

    while max((one.number for one in blocks()), default=0) < 20:
        tell()
    done = threading.Event()
    enough = told + 300  # so that the ring does not come round, however slow this machine is

    def go_on() -> None:
        while not done.is_set() and told < enough:
            tell()

    writing = threading.Thread(target=go_on)
    writing.start()
    copies = b""
    try:
        for _ in range(3):
            copy = device.ring.with_name("copy")
            copy.write_bytes(device.ring.read_bytes())
            copies += copy.read_bytes()
            with copy.open("rb") as file:
                held = sorted(one.write_number for one in scan(file).blocks)
            ring = blocks()[0].ring_id
            cleared = device.run("clear", "--have", f"{ring:x}:{','.join(map(str, held))}")
            assert (cleared.returncode, cleared.stderr) == (0, "")
    finally:
        done.set()
        writing.join()
    assert min(one.number for one in blocks()) > 5
    tell()
    assert device.stop(agent) == (0, "")
    left = {one.number for one in blocks()}
    assert left >= set(range(max(left) - prepare.RECENT, max(left) + 1))
    (recording,) = load(str(device.ring))
    assert recording.clean_stop and recording.undecodable == 0
    both = device.ring.with_name("both")
    both.write_bytes(copies + device.ring.read_bytes())
    (recording,) = load(str(both))
    assert (recording.missing, recording.undecodable) == (0, 0)
    texts = [e.values["text"] for boot in recording.boots for e in boot.events if e.kind == "mark"]
    assert [int(text.split()[0]) for text in texts] == list(range(told))

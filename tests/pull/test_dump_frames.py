"""``lastgasp-agent dump --frames``, the real command: what is asked for is what comes."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from pathlib import Path

import pytest
from board import AGENT, RING, blocks

from lastgasp.pull.blocks import Parts, Pulled, unpacked
from lastgasp.pull.console.incoming import Frame, Incoming
from lastgasp.pull.from_agent import Index
from lastgasp.ring import frames
from lastgasp.ring.heads import Head, in_order, latest
from lastgasp.ring.scan import scan

WORD = "0123abcd"
START = f"import sys; sys.path.insert(0, {str(AGENT)!r}); from lastgasp.recorder.main import main; sys.exit(main())"


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    path = tmp_path / "ring"
    path.write_bytes(gzip.decompress(RING.read_bytes()))
    return path


def dump(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-ISE", "-c", START, "dump", *words], capture_output=True, check=False)


def sent(ring: Path, *words: str, base: int = frames.BASE85, size: int = 400) -> tuple[Index | None, list[Pulled]]:
    done = dump("--ring", str(ring), "--frames", WORD, "--base", str(base), "--size", str(size), *words)
    assert (done.returncode, done.stderr) == (0, b"")
    index, parts = Parts(), dict[int, Parts]()
    for event in Incoming(WORD.encode(), base, size).feed(done.stdout):
        assert isinstance(event, Frame)
        one = index if event.kind == frames.INDEX else parts.setdefault(event.number, Parts())
        one.add(event.part, event.parts, event.data)
    found = [unpacked(one.joined()) for one in parts.values() if not one.missing]
    return (Index.read(index.joined()) if index.count else None), [one for one in found if one is not None]


@pytest.mark.parametrize(("base", "size"), [(frames.BASE85, 64), (frames.BASE85, 400), (frames.BASE64, 8192)])
def test_the_whole_ring_comes_byte_for_byte_the_newest_first(ring: Path, base: int, size: int) -> None:
    index, found = sent(ring, base=base, size=size)
    assert index is not None and len(index.slots) == len(found)
    assert {(one.ring, one.number): one.data for one in found} == blocks(ring.read_bytes())
    assert [one.number for one in found] == sorted((one.number for one in found), reverse=True)


def test_what_the_asker_has_does_not_come(ring: Path) -> None:
    _, every = sent(ring)
    has = every[3:7]
    some = ",".join(str(one.write) for one in has)
    index, found = sent(ring, "--have", f"{every[0].ring:x}:{some};77:1-99999")
    assert index is not None
    assert [one.write for one in found] == [one.write for one in every if one not in has]


def test_the_last_minutes_reach_back_so_far_and_to_a_key_block(ring: Path) -> None:
    data = ring.read_bytes()
    heads = in_order([Head(one.offset // one.size, data[one.offset :]) for one in scan(io.BytesIO(data)).blocks])
    for last_s in (1, 30, 120, 100000):
        _, found = sent(ring, "--last", str(last_s))
        chosen = latest(heads, last_s * 1000)
        assert [one.number for one in found] == [one.number for one in chosen]
        assert chosen[-1].key
    assert len(latest(heads, 1000)) < len(heads)


def test_parts_that_are_asked_for_come_alone(ring: Path) -> None:
    index, _ = sent(ring)
    assert index is not None
    slot = index.slots[0]
    done = dump("--ring", str(ring), "--frames", WORD, "--want", f"{slot}.0.2,9999")
    events = Incoming(WORD.encode(), frames.BASE85, 400).feed(done.stdout)
    assert [(one.number, one.part) for one in events if isinstance(one, Frame)] == [(slot, 0), (slot, 2)]


WRONG = "--have 1|--have x:1|--want 1.x|--want -|--last x|--base 63|--size 9|--size 99999|--nonsense 1|--want"


@pytest.mark.parametrize("words", WRONG.split("|"))
def test_words_that_make_no_sense_are_wrong_use(ring: Path, words: str) -> None:
    done = dump("--ring", str(ring), "--frames", WORD, *words.split())
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"\n") == 1
    assert b"Traceback" not in done.stderr

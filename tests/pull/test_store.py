"""What was pulled is kept whole, apart, and asked for once."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_blocks import block

from lastgasp.cli.main import main
from lastgasp.pull import PullError, store
from lastgasp.pull import kept as kept_ring
from lastgasp.pull.blocks import Pulled
from lastgasp.pull.identity import Identity
from lastgasp.ring.format import FLAG_OPEN
from lastgasp.ring.scan import scan

HERE = Identity("gateway", machine="0123456789abcdef", serial="S1", mac="02:00:00:00:00:01", model="board")


def kept(path: Path) -> list[tuple[int, int]]:
    with path.open("rb") as file:
        return [(one.number, one.write_number) for one in scan(file).blocks]


def test_blocks_are_kept_in_order_and_older_versions_go(tmp_path: Path) -> None:
    with store.device(tmp_path, HERE) as device:
        for one in (block(2, 5), block(0, 0), block(1, 2, flags=FLAG_OPEN)):
            device.add(one)
    with store.device(tmp_path, HERE) as device:
        device.add(block(1, 3))
        device.add(block(2, 5))
        assert list(device.new.values()) == [1]
    (path,) = device.files
    assert kept(path) == [(0, 0), (1, 3), (2, 5)]
    assert sorted(one.name for one in path.parent.iterdir()) == [".device.json", ".lock", "0000000000000007.lgr"]


def test_rings_have_a_file_each_and_devices_a_folder_each(tmp_path: Path) -> None:
    others = [
        Identity("gateway", machine="0123456789abcdef", serial="S2"),
        Identity("gateway", machine="f" * 16, serial="S1"),
        Identity("gateway", mac="02:00:00:00:00:02"),
        Identity("gateway", mac="02:00:00:00:00:03"),
        # Clones of one image, told apart by a MAC that a maker gave, or by their names.
        Identity("gateway", machine="c" * 16, mac="00:04:9f:00:00:01"),
        Identity("gateway", machine="c" * 16, mac="00:04:9f:00:00:02"),
        Identity("gateway-1", machine="c" * 16, mac="02:00:00:00:00:01"),
        Identity("gateway-2", machine="c" * 16, mac="02:00:00:00:00:01"),
    ]
    for identity in (HERE, *others):
        with store.device(tmp_path, identity) as device:
            device.add(block(0, 0, ring=7))
            device.add(block(0, 0, ring=8))
    assert len(list(tmp_path.iterdir())) == len(others) + 1
    assert len(list(tmp_path.glob("*/*.lgr"))) == 2 * (len(others) + 1)


def test_a_device_stays_the_same_under_another_name_and_with_a_mac_that_it_makes_up(tmp_path: Path) -> None:
    assert HERE.key == Identity("other", HERE.machine, HERE.serial, "02:00:00:00:00:99", HERE.model).key
    other = Identity("other", HERE.machine, HERE.serial)
    with store.device(tmp_path, HERE):
        pass
    assert store.device(tmp_path, other).path == store.device(tmp_path, HERE).path
    named = Identity("gateway", machine="c" * 16, mac="02:00:00:00:00:01")
    assert named.key == Identity("gateway", machine="c" * 16, mac="06:00:00:00:00:02").key


@pytest.mark.parametrize("host", ["../../etc", "/etc/passwd", "..", "", "a\x1b[2J\nb", "x" * 5000, "-rf", "$(id)"])
def test_what_a_device_calls_itself_is_no_path(tmp_path: Path, host: str) -> None:
    with store.device(tmp_path / "store", Identity(host)) as device:
        device.add(block(0, 0))
    (folder,) = (tmp_path / "store").iterdir()
    assert set(folder.name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    assert not folder.name.startswith("-")
    assert len(folder.name) < 60
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_what_a_killed_pull_left_is_taken_over(tmp_path: Path) -> None:
    with store.device(tmp_path, HERE) as device:
        device.add(block(0, 0))
    (device.path / "0000000000000007.part").write_bytes(block(1, 1).data + block(2, 2).data[:1000])
    with store.device(tmp_path, HERE) as device:
        assert not device.new
        device.add(block(2, 2))
    assert kept(device.files[0]) == [(0, 0), (1, 1), (2, 2)]
    assert not list(device.path.glob("*.part"))


def test_two_pulls_of_one_device_are_not_at_once(tmp_path: Path) -> None:
    with (
        store.device(tmp_path, HERE),
        pytest.raises(PullError, match="another pull of this device"),
        store.device(tmp_path, HERE),
    ):
        pass


def test_a_ring_that_went_back_is_told_and_what_was_kept_stays(tmp_path: Path) -> None:
    with store.device(tmp_path, HERE) as device:
        device.add(block(0, 0))
        device.add(block(1, 1, payload=b"before"))
    with store.device(tmp_path, HERE) as device:
        with pytest.raises(store.Diverged):
            device.add(block(1, 1, payload=b"after"))
        with pytest.raises(store.Diverged):
            device.check_newest(7, 0)
        device.check_newest(7, 1)
        device.set_aside(7)
        device.add(block(1, 1, payload=b"after"))
    assert kept(device.path / "0000000000000007-before-1.lgr") == [(0, 0), (1, 1)]
    assert kept(device.path / "0000000000000007.lgr") == [(1, 1)]


def test_a_description_that_is_damaged_is_made_anew(tmp_path: Path) -> None:
    with store.device(tmp_path, HERE) as device:
        device.add(block(0, 0))
    for damage in ("", "[1]", '{"lastgasp_device": 1, "pulls": 3}', "\0"):
        (device.path / ".device.json").write_text(damage)
        with store.device(tmp_path, HERE) as device:
            device.remember("ssh")
        facts = json.loads((device.path / ".device.json").read_text())
        assert (facts["host"], len(facts["pulls"])) == ("gateway", 1), damage


def parsed(text: str) -> list[tuple[int, int]]:
    """The ranges for ring 7 in what ``have`` says."""
    if not text:
        return []
    name, _, ranges = text.partition(":")
    assert name == "7"
    pairs = [one.partition("-") for one in ranges.split(",")]
    return [(int(a), int(b or a)) for a, _, b in pairs]


@pytest.mark.parametrize("left", [None, b""], ids=["deleted", "emptied"])
def test_what_is_gone_from_here_is_missing_again_also_after_a_pull_that_breaks_off(
    tmp_path: Path, left: bytes | None
) -> None:
    with store.device(tmp_path, HERE) as device:
        for n in range(10):
            device.add(block(n, n))
        device.completed(7, 9)
    (path,) = device.files
    path.unlink()
    if left is not None:
        path.write_bytes(left)
    with store.device(tmp_path, HERE) as device:
        device.add(block(9, 9))
        device.add(block(8, 8))
    with store.device(tmp_path, HERE) as device:
        assert parsed(device.have()) == [(8, 8)]


@pytest.mark.parametrize("seed", range(30))
def test_nothing_newer_is_ever_left_out_however_pulls_break_off(tmp_path: Path, seed: int) -> None:
    """A ring that is written on while pulls of it break off anywhere; in the end one goes through."""
    chance = random.Random(seed)
    print("seed", seed)
    versions: list[Pulled] = []
    number = write = 0
    for pull in range(12):
        for _ in range(chance.randrange(12)):
            is_open = chance.random() < 0.5
            versions.append(block(number, write, flags=FLAG_OPEN if is_open else 0))
            write += 1
            if not is_open or chance.random() < 0.3:  # the last version of a block may be an open one
                number += 1
        there = {one.number: one for one in versions[-20:]}  # the ring came round
        newest_first = sorted(there.values(), key=lambda one: -one.number)
        with store.device(tmp_path, HERE) as device:
            ranges = parsed(device.have())
            wanted = [one for one in newest_first if not any(a <= one.write <= b for a, b in ranges)]
            whole = pull == 11
            some = wanted if whole else wanted[: chance.randrange(len(wanted) + 1)]
            for one in some:
                device.add(one)
            if some == wanted and versions:
                device.completed(7, versions[-1].write)
    held = set(kept(device.files[0]))
    assert held >= {(one.number, one.write) for one in there.values()}


class Counting(dict[int, kept_ring.Held]):
    """Knows how many of its items were looked through."""

    seen = 0

    def __iter__(self) -> Iterator[int]:
        for key in super().__iter__():
            Counting.seen += 1
            yield key


def test_the_work_for_an_image_grows_with_its_blocks_and_not_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """64k blocks took hours once: the newest was sought among all at each."""
    made = kept_ring.Ring.__init__

    def make(ring: kept_ring.Ring, folder: Path, number: int) -> None:
        made(ring, folder, number)
        ring.writes = Counting(ring.writes)

    monkeypatch.setattr(kept_ring.Ring, "__init__", make)
    count = 2000
    image = tmp_path / "dump"
    image.write_bytes(b"".join(block(n, n).data for n in range(count)))
    for new in (count, 0):
        assert main(["pull", str(image), "-o", str(tmp_path / "kept")]) == 0
        assert f" blocks, {new} new\n" in capsys.readouterr().out
    assert Counting.seen <= 4 * count

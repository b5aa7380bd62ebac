"""Dumps of simulated NAND chips that a real kernel wrote through JFFS2 and UBIFS; real/README.md tells how."""

from __future__ import annotations

from pathlib import Path

import pytest
from dumps import only

from lastgasp.timeline.load import load

REAL = Path(__file__).parent / "real"
SPARE = "NAND pages of 2048+64 bytes: spare areas taken out"


@pytest.mark.parametrize(
    ("name", "count", "older", "layout"),
    [
        ("jffs2", 20, 21, [SPARE, "JFFS2 (little endian): 59 data nodes"]),
        ("ubifs", 11, 80, [SPARE, "UBI: 64 erase blocks of 131072 bytes, volumes 0", "UBIFS: 124 data nodes"]),
    ],
)
def test_every_block_that_the_file_system_gave_is_found(
    tmp_path: Path, name: str, count: int, older: int, layout: list[str]
) -> None:
    found, ring, blocks = only(REAL / f"armhf-6.1-{name}.nand.gz")
    assert sorted(ring.places) == list(range(count))
    assert len(blocks) == count
    assert (ring.superseded, ring.missing) == (older, 0)
    assert found.layout == layout
    assert found.notes == []
    whole = tmp_path / "ring"
    whole.write_bytes(b"".join(blocks))
    (recording,) = load(str(whole))
    marks = [event.values["text"] for boot in recording.boots for event in boot.events if event.kind == "mark"]
    assert marks == [b"before", b"after"]
    assert recording.missing == recording.undecodable == 0


def test_a_write_that_had_not_reached_the_chip_is_counted() -> None:
    """JFFS2 had half of a node in memory when the chip was read."""
    found, _, _ = only(REAL / "armhf-6.1-jffs2.nand.gz")
    assert found.broken == 1

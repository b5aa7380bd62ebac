"""What lies across the windows that a dump is read in, among windows of nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from dumps import newest, only, written
from test_image_ubi import node

from lastgasp.pull.image.view import WINDOW

RING = written(16384, ring_id=5, early=False)


@pytest.mark.parametrize("empty", [b"\0", b"\xff"])
@pytest.mark.parametrize("before", [1, 3, 4, 47, 2000])
def test_nodes_across_windows_are_found(tmp_path: Path, empty: bytes, before: int) -> None:
    nodes = [node(RING[at : at + 4096], 65, at // 4096, at + 1) for at in range(0, 16384, 4096)]
    parts = []
    for one in nodes:
        parts += [empty * (2 * WINDOW - before), one, empty * (2 * WINDOW - len(one) + before)]
    dump = tmp_path / "dump"
    dump.write_bytes(b"".join(parts))
    _, _, blocks = only(dump)
    assert blocks == newest(RING[:16384])

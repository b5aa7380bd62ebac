"""/proc/zoneinfo (mm/vmstat.c): watermarks by node and zone, in pages."""

from lastgasp.proc.text import maybe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMNS = (b"free", b"min", b"low", b"high", b"managed")
_PLACES = {b"min": 1, b"low": 2, b"high": 3, b"managed": 4}


def parse(lines: "Iterable[bytes]") -> list[tuple[bytes, tuple[int | None, ...]]]:
    """Rows "node zone" (b"0 Normal") with the values of COLUMNS; zones that manage no page are left out."""
    rows: list[tuple[bytes, tuple[int | None, ...]]] = []
    name = b""
    values: list[int | None] = []
    for line in lines:
        words = line.split()
        if len(words) == 4 and words[0] == b"Node" and words[2] == b"zone":
            _close(rows, name, values)
            name, values = words[1].rstrip(b",") + b" " + words[3], [None] * 5
        elif not name or not words:
            continue
        elif words[:2] == [b"pages", b"free"]:
            values[0] = maybe(words[-1])
        elif len(words) == 2 and words[0] in _PLACES and values[_PLACES[words[0]]] is None:
            # Only the zone's own block comes first: "high:" of the per-CPU lists carries a colon.
            values[_PLACES[words[0]]] = maybe(words[1])
    _close(rows, name, values)
    return rows


def _close(rows: list[tuple[bytes, tuple[int | None, ...]]], name: bytes, values: list[int | None]) -> None:
    if name and values[4]:
        rows.append((name, tuple(values)))

"""/proc/slabinfo version 2.1 (mm/slab_common.c), readable by root."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMNS = (b"active_objects", b"objects", b"object_bytes", b"slabs", b"pages_per_slab")


def parse_largest(lines: "Iterable[bytes]", count: int) -> list[tuple[bytes, tuple[int, ...]]]:
    """The ``count`` caches that hold most pages, the largest first, with the values of COLUMNS."""
    rows: list[tuple[int, bytes, tuple[int, ...]]] = []
    for line in lines:
        words = line.split()
        # name active num objsize objperslab pagesperslab : tunables 0 0 0 : slabdata active num shared
        if len(words) < 16 or words[0] == b"#":
            continue
        try:
            slabs, pages = int(words[14]), int(words[5])
            if len(rows) >= count and slabs * pages <= rows[-1][0]:
                continue
            rows.append((slabs * pages, words[0], (int(words[1]), int(words[2]), int(words[3]), slabs, pages)))
        except ValueError:
            continue
        rows.sort(reverse=True)
        del rows[count:]
    return [(name, values) for _, name, values in rows]

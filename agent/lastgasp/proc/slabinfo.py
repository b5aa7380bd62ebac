"""/proc/slabinfo version 2.1 (mm/slab_common.c), readable by root."""

from lastgasp.proc.text import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMNS = (b"active_objects", b"objects", b"object_bytes", b"slabs", b"pages_per_slab")


def parse_largest(lines: "Iterable[bytes]", count: int) -> list[tuple[bytes, tuple[int, ...]]]:
    """The ``count`` caches that hold most pages, the largest first, with the values of COLUMNS."""
    rows: list[tuple[int, bytes, tuple[int, ...]]] = []
    for line in lines:
        # "name active num objsize objperslab pagesperslab : tunables 0 0 0 : slabdata active num shared", and then
        # ": globalstat …" with CONFIG_SLAB's statistics. Drivers do give names with blanks.
        head, _, tail = line.partition(b" : tunables ")
        sizes = head.rsplit(None, 5)
        _, _, tail = tail.partition(b" : slabdata ")
        slab = tail.split(None, 3)
        if len(sizes) != 6 or len(slab) < 3:
            continue
        try:
            slabs, pages = number(slab[1]), number(sizes[5])
            if len(rows) >= count and slabs * pages <= rows[-1][0]:
                continue
            values = number(sizes[1]), number(sizes[2]), number(sizes[3]), slabs, pages
        except ValueError:
            continue
        rows.append((slabs * pages, sizes[0], values))
        rows.sort(reverse=True)
        del rows[count:]
    return [(name, values) for _, name, values in rows]

"""/sys/block/zram*/mm_stat (drivers/block/zram/zram_drv.c, since 4.2): bytes, except the count of pages at the end."""

from lastgasp.proc.text import maybe, words

COLUMNS = (
    b"orig_data_size",
    b"compr_data_size",
    b"mem_used_total",
    b"mem_limit",  # 0: none
    b"mem_used_max",
    b"same_pages",
)


def parse(raw: bytes) -> tuple[int | None, ...]:
    """Values of COLUMNS."""
    found = words(raw)
    return tuple([maybe(found[i]) if i < len(found) else None for i in range(len(COLUMNS))])

"""dma-buf totals: buffers shared between drivers (GPU, camera, display) that no process's RSS shows."""

from lastgasp.proc.text import maybe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMNS = (b"buffers", b"bytes")


def parse_bufinfo(lines: "Iterable[bytes]") -> tuple[int | None, int | None]:
    """The last line of /sys/kernel/debug/dma_buf/bufinfo (drivers/dma-buf/dma-buf.c): "Total 3 objects, 8192 bytes".

    Each buffer has a "Total 2 devices attached" of its own before, and a name that is not escaped.
    """
    words: list[bytes] = []
    for line in lines:
        if line.startswith(b"Total "):
            words = line.split()
    if words[2:3] != [b"objects,"] or words[4:] != [b"bytes"]:
        return None, None
    return maybe(words[1]), maybe(words[3])

"""dma-buf totals: buffers shared between drivers (GPU, camera, display) that no process's RSS shows."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMNS = (b"buffers", b"bytes")


def parse_bufinfo(lines: "Iterable[bytes]") -> tuple[int | None, int | None]:
    """The last line of /sys/kernel/debug/dma_buf/bufinfo (drivers/dma-buf/dma-buf.c): "Total 3 objects, 8192 bytes"."""
    words: list[bytes] = []
    for line in lines:
        if line.startswith(b"Total "):
            words = line.split()
    if len(words) >= 5 and words[1].isdigit() and words[3].isdigit():
        return int(words[1]), int(words[3])
    return None, None

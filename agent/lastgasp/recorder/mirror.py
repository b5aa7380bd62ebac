"""What is not on flash yet into /dev/pmsg0, where the kernel has it (see ``ring.pmsg``)."""

import posix

from lastgasp.ring import pmsg

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.ring.writer import RingWriter


class Mirror:
    """Writes each new piece of the payload once, to ``fd``; ``errno`` is that of the last refusal."""

    __slots__ = ("_at", "_block", "_fd", "errno", "writer")

    def __init__(self, writer: "RingWriter", fd: int) -> None:
        self.writer = writer
        self.errno = 0
        self._fd = fd
        self._block = -1
        self._at = 0

    def update(self) -> None:
        """Mirror what came since the last call."""
        writer = self.writer
        if self._block != writer.place.block_number:
            self._block, self._at = writer.place.block_number, 0
        data = bytes(writer.encoder.payload[self._at :])
        if data:
            frame = pmsg.frame(
                data,
                self._at,
                writer.flags,
                writer.place.ring_id,
                self._block,
                writer.encoder.base_ms,
                writer.wall_offset_ns(),
                writer.boot_id,
            )
            try:
                posix.write(self._fd, frame)
            except OSError as error:
                self.errno = error.errno or 0
                return  # said again the next time: what came behind a hole could not be recovered
        self._at = len(writer.encoder.payload)

"""Rows into the encoder, mentioned only when they changed.

The encoder knows the rows of the current block; beyond it this class remembers a hash of each row's last
values, so that a quiet row costs nothing in the next blocks either. ``refresh`` forgets the hashes, so that
every row is mentioned again within a bounded time and a ring that has come round still knows all of them. So does a
machine that makes new rows all the time, such as the network interfaces of containers.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.ring.encoder import Encoder, Table


LIMIT = 1024  # rows remembered


class Rows:
    """Hashes of what was written; one entry of about 150 bytes per row mentioned since the last refresh."""

    __slots__ = ("_hashes", "encoder")

    def __init__(self, encoder: "Encoder") -> None:
        self.encoder = encoder
        self._hashes: dict[tuple[bytes, bytes], int] = {}

    def put(self, table: "Table", key: bytes, values: tuple[int | None, ...]) -> None:
        """Write a row of the sample that is open, if it changed."""
        number = hash(values)
        if not self.encoder.update(table, key, values):
            if self._hashes.get((table.name, key)) == number:
                return
            self.encoder.introduce(table, key, key, b"", values)
        if len(self._hashes) >= LIMIT:
            self.refresh()
        self._hashes[table.name, key] = number

    def refresh(self) -> None:
        """Mention everything anew."""
        self._hashes.clear()

"""Where a recording's bytes come from, on the laptop: a file, a pipe, either of them compressed with gzip.

A scan needs to seek. What cannot be sought in is copied to an unnamed temporary file first, not into memory.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import BinaryIO

STDIN = "-"
GZIP_MAGIC = b"\x1f\x8b"
PIECE, PACKED_PIECE = 1 << 20, 1 << 10
GZIP_WINDOW = 16 + zlib.MAX_WBITS  # as zlib wants to be told that a gzip header stands before it
LIMIT = 1 << 30  # more than this is no recording, but perhaps a trap


class SourceError(Exception):
    """It cannot be read as a whole; str() says why."""


@contextmanager
def opened(path: str, limit: int | None = None) -> Iterator[BinaryIO]:
    """A seekable file with the bytes of ``path``, of standard input for "-". Raises OSError, SourceError.

    ``limit`` is how many bytes may have to be copied, LIMIT unless said otherwise.
    """
    limit = limit or LIMIT
    with ExitStack() as stack:
        if path == STDIN and sys.stdin is None:
            raise SourceError("standard input is closed")
        file: BinaryIO = sys.stdin.buffer if path == STDIN else stack.enter_context(open(path, "rb"))
        if stat.S_ISCHR(os.fstat(file.fileno()).st_mode):
            raise SourceError("a character device, which holds no recording; name a file or a block device")
        if not file.seekable():
            file = stack.enter_context(_copy(iter(partial(file.read, PIECE), b""), limit))
        if file.read(len(GZIP_MAGIC)) == GZIP_MAGIC:
            file.seek(0)
            file = stack.enter_context(_copy(_unpacked(file), limit))
        file.seek(0)
        yield file


def _copy(pieces: Iterable[bytes], limit: int) -> BinaryIO:
    """A temporary file that holds them all; what is zero takes no room in it."""
    target: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        for piece in pieces:
            if target.tell() > limit:
                raise SourceError(f"more than {limit >> 20} MiB come out of it: no recording is that large")
            if piece.count(0) < len(piece):
                target.write(piece)
            else:
                target.seek(len(piece), os.SEEK_CUR)
        target.truncate()
    except BaseException:
        target.close()
        raise
    target.seek(0)
    return target


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    """What a gzip file holds; of one that is damaged or cut short, what stands before that.

    Its blocks say themselves which of them are whole. Pieces are small, for an error costs the whole piece.
    """
    unpacker = zlib.decompressobj(wbits=GZIP_WINDOW)
    try:
        while not unpacker.eof and (piece := file.read(PACKED_PIECE)):
            yield unpacker.decompress(piece)
    except zlib.error:
        return

"""What flash file systems compress their data with, undone.

Each function takes the stored bytes and how many are wanted at most, returns those that there are, and raises
ValueError where the bytes are not what they should be. Memory is bounded by what is wanted.
"""

from __future__ import annotations

import ctypes
import importlib
import zlib
from collections.abc import Callable

MOST = 1 << 16  # bytes that what is packed at a time may become
Unpack = Callable[[bytes, int], bytes]


def stored(data: bytes, limit: int) -> bytes:
    """Not compressed."""
    return data[:limit]


def zeros(data: bytes, limit: int) -> bytes:
    """Nothing was stored: all zeros."""
    return bytes(limit)


def raw_deflate(data: bytes, limit: int) -> bytes:
    """RFC 1951, as UBIFS has it."""
    return _inflate(data, limit, -zlib.MAX_WBITS)


def zlib_stream(data: bytes, limit: int) -> bytes:
    """RFC 1950, as JFFS2 has it."""
    return _inflate(data, limit, zlib.MAX_WBITS)


def _inflate(data: bytes, limit: int, bits: int) -> bytes:
    try:
        return zlib.decompressobj(bits).decompress(data, limit) if limit else b""
    except zlib.error as error:
        raise ValueError(str(error)) from None


def rtime(data: bytes, limit: int) -> bytes:
    """JFFS2's run lengths: after each byte, how many follow it as they followed its last occurrence."""
    out = bytearray()
    last = [0] * 256  # for each byte value, where what follows it begins
    for p in range(0, len(data) - 1, 2):
        if len(out) >= limit:
            break
        value, repeat = data[p], data[p + 1]
        out.append(value)
        start, last[value] = last[value], len(out)
        for at in range(start, start + min(repeat, limit - len(out))):
            out.append(out[at])
    return bytes(out[:limit])


def zstd() -> Unpack | None:
    """That of Python's library, which has one since 3.14, or that of the machine's libzstd; None where neither is."""
    try:
        module = importlib.import_module("compression.zstd")
    except ImportError:
        return _libzstd()

    def unpack(data: bytes, limit: int) -> bytes:
        try:
            unpacked: bytes = module.ZstdDecompressor().decompress(data, limit)
        except module.ZstdError as error:
            raise ValueError(str(error)) from None
        return unpacked

    return unpack


def _libzstd() -> Unpack | None:
    for name in ("libzstd.so.1", "libzstd.1.dylib"):
        try:
            library = ctypes.CDLL(name)
            break
        except OSError:
            continue
    else:
        return None
    library.ZSTD_decompress.restype = ctypes.c_size_t
    library.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    library.ZSTD_isError.argtypes = [ctypes.c_size_t]

    def unpack(data: bytes, limit: int) -> bytes:
        out = ctypes.create_string_buffer(MOST)  # it writes all or nothing
        size = library.ZSTD_decompress(out, MOST, data, len(data))
        if library.ZSTD_isError(size):
            raise ValueError("not what zstd writes")
        return out.raw[: min(size, limit)]

    return unpack

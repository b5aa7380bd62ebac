"""Which shared libraries a program asks for: just enough of ELF, for either width and byte order."""

import struct

PT_LOAD = 1
PT_DYNAMIC = 2
DT_NEEDED = 1
DT_STRTAB = 5


def needed(data: bytes) -> list[str]:
    """Return the names in a program's DT_NEEDED entries; none when it is static or not ELF."""
    if data[:4] != b"\x7fELF":
        return []
    order = "<" if data[5] == 1 else ">"
    wide = data[4] == 2
    start = struct.unpack_from(order + ("Q" if wide else "I"), data, 32 if wide else 28)[0]
    size, count = struct.unpack_from(order + "2H", data, 54 if wide else 42)
    dynamic = b""
    loaded: list[tuple[int, int, int]] = []
    for at in range(start, start + size * count, size):
        if wide:
            kind, _, offset, address, _, length = struct.unpack_from(order + "2I4Q", data, at)
        else:
            kind, offset, address, _, length = struct.unpack_from(order + "5I", data, at)
        if kind == PT_LOAD:
            loaded.append((address, length, offset))
        elif kind == PT_DYNAMIC:
            dynamic = data[offset : offset + length]
    entry = struct.Struct(order + ("2q" if wide else "2i"))
    tags = list(entry.iter_unpack(dynamic[: len(dynamic) // entry.size * entry.size]))
    table = next((value for tag, value in tags if tag == DT_STRTAB), 0)
    # The table's address is one in memory; the segment that holds it says where that is in the file.
    strings = next((table - a + offset for a, length, offset in loaded if a <= table < a + length), 0)
    names = [strings + value for tag, value in tags if tag == DT_NEEDED]
    return [data[name : data.index(b"\0", name)].decode("ascii") for name in names]

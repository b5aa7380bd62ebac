"""What a program is not let out with: another machine's code, a path of the build host."""

from __future__ import annotations

import struct
from pathlib import Path

from firmware.errors import BuildError
from firmware.targets import Target

ELF_MAGIC = b"\x7fELF"
LITTLE_ENDIAN = 1
PT_DYNAMIC = 2
DT_RPATH, DT_RUNPATH = 15, 29


def check(program: Path, target: Target, host_paths: list[str]) -> None:
    """Raises BuildError when the program is for another machine, has a run path, or names one of ``host_paths``."""
    data = program.read_bytes()
    if data[:4] != ELF_MAGIC or data[5] != LITTLE_ENDIAN or data[4] * 32 != target.bits:
        raise BuildError(f"{program}: no {target.bits}-bit little-endian ELF file")
    machine = struct.unpack_from("<H", data, 18)[0]
    if machine != target.machine:
        raise BuildError(f"{program}: its machine is {machine}, not {target.machine} ({target.name})")
    if {DT_RPATH, DT_RUNPATH} & dynamic_tags(data):
        raise BuildError(f"{program}: has a run path; take -rpath out of LDFLAGS")
    for path in host_paths:
        at = data.find(path.encode())
        if at >= 0:
            end = min(data.index(b"\0", at), at + 200)
            raise BuildError(f"{program}: names a path of this host: {data[at:end].decode('utf-8', 'replace')!r}")


def dynamic_tags(data: bytes) -> set[int]:
    """The tags in a little-endian program's dynamic section; none when it is static."""
    wide = data[4] == 2
    start = struct.unpack_from("<Q" if wide else "<I", data, 32 if wide else 28)[0]
    size, count = struct.unpack_from("<2H", data, 54 if wide else 42)
    tags: set[int] = set()
    for at in (start + size * number for number in range(count)):
        if struct.unpack_from("<I", data, at)[0] != PT_DYNAMIC:
            continue
        offset, length = struct.unpack_from("<Q16xQ" if wide else "<I8xI", data, at + (8 if wide else 4))
        entry = struct.Struct("<2Q" if wide else "<2I")
        tags |= {tag for tag, _ in entry.iter_unpack(data[offset : offset + length // entry.size * entry.size])}
    return tags

"""Whose a file is: the package that installed it, its version and its licence.

Everything is raw bytes, as in the lists that it comes from; unknown is None. ``Owners`` knows what the kernel writes
behind, before and into the name of a mapping, and that /lib is /usr/lib on most systems of today.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

DELETED = b" (deleted)"  # fs/d_path.c, behind the name of a file that was removed or replaced while it was mapped
CUT_AT = 40  # the recorder keeps so many bytes of a long name, then
DOTS = b"..."
NAME_LIMIT = 160  # then as many of its end as fit in here
USR = b"/usr"
MERGED = (b"bin", b"sbin", b"lib", b"lib32", b"lib64", b"libx32", b"libo32")  # in / they are links into /usr, or were
# Where the root file system is seen when it is not /: below an overlay, a chroot or an initramfs.
ROOTS = (b"/overlay/upper", b"/overlay", b"/rom", b"/rootfs", b"/sysroot", b"/newroot", b"/new_root", b"/mnt/root")
# Memory of the program's own, in the kernel's words; [others] and [vdso] are not.
OWN = (b"[heap]", b"[anon]", b"[stack]")
OWN_BEGIN = (b"[anon:", b"[anon_shmem:", b"[stack:", b"/memfd:", b"/SYSV", b"/dev/zero", b"/anon_hugepage")


@dataclass(frozen=True, slots=True)
class Owner:
    """A package that has a file of the device."""

    package: bytes
    version: bytes | None
    licence: bytes | None
    source: str  # the list that says so, a path on this machine
    recipe: bytes | None = None  # what it is built from, where the list tells: the name to look for when mending


class Owners:
    """Who owns which file, by its absolute path on the device."""

    def __init__(self, files: Mapping[bytes, Owner]) -> None:
        self.files = files
        self._long: list[bytes] | None = None  # names that a recorder would cut

    def of(self, path: bytes) -> Owner | None:
        """The owner of a file; None: no list knows it, or it is no file.

        Of a file that was replaced while it was in use ("(deleted)") the version is not known.
        """
        if path[:1] != b"/":
            return None
        if path[CUT_AT : CUT_AT + len(DOTS)] == DOTS and len(path) == NAME_LIMIT:
            return self._of_cut(path)
        owner = self._of_whole(path)
        if owner is None and path.endswith(DELETED):
            owner = self._of_whole(path[: -len(DELETED)])
            return replace(owner, version=None) if owner is not None else None
        return owner

    def of_mapping(self, name: bytes, program: bytes | None) -> Owner | None:
        """The owner of a mapping: of its file, or, where it has none ([heap], [anon]), of the program."""
        if name in OWN or name.startswith(OWN_BEGIN):
            return self.of(program) if program is not None else None
        return self.of(name)

    def _of_whole(self, path: bytes) -> Owner | None:
        for name in _names(path):
            owner = self.files.get(name)
            if owner is not None:
                return owner
        return None

    def _of_cut(self, path: bytes) -> Owner | None:
        """The owner of the one file whose name looks like that when it is cut; None: there are several owners."""
        if self._long is None:
            shortest = NAME_LIMIT - len(DELETED) - len(USR)
            self._long = [name for name in self.files if len(name) > shortest]
        begin, end = path[:CUT_AT], path[CUT_AT + len(DOTS) :]
        found: dict[bytes, Owner] = {}
        for listed in self._long:
            for name in _names(listed):
                whole, gone = _cut(name) == path, _cut(name + DELETED) == path
                if name.startswith(begin) and (whole or gone):
                    owner = self.files[listed]
                    found[owner.package] = replace(owner, version=None) if gone and end.endswith(DELETED) else owner
        return found.popitem()[1] if len(found) == 1 else None


def _cut(name: bytes) -> bytes:
    """As the recorder writes it."""
    return name if len(name) <= NAME_LIMIT else name[:CUT_AT] + DOTS + name[CUT_AT + len(DOTS) - NAME_LIMIT :]


def _names(path: bytes) -> Iterator[bytes]:
    """What a list may call this file, the likeliest first."""
    yield path
    yield from _moved(path)
    for root in ROOTS:
        if path.startswith(root + b"/"):
            inner = path[len(root) :]
            yield inner
            yield from _moved(inner)


def _moved(path: bytes) -> Iterator[bytes]:
    """The same file where /usr is merged with /, or is not."""
    below_usr = path.startswith(USR + b"/")
    inner = path[len(USR) :] if below_usr else path
    if inner[1:].partition(b"/")[0] in MERGED:
        yield inner if below_usr else USR + path

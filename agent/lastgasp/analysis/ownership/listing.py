"""What one list of packages says, whatever its format, and how several are joined into who owns what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lastgasp.analysis.ownership.owner import Owner, Owners


@dataclass(frozen=True, slots=True)
class Package:
    """What is known of a package; None is unknown."""

    version: bytes | None = None
    licence: bytes | None = None
    recipe: bytes | None = None  # that it is built from: Yocto's recipe, dpkg's and rpm's source package


@dataclass(slots=True)
class Listing:
    """One list. Either part may be empty: Buildroot has files in one list and versions in another."""

    files: list[tuple[bytes, bytes]] = field(default_factory=list)  # (absolute path on the device, package)
    packages: dict[bytes, Package] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.files or self.packages)

    def add(self, other: Listing) -> None:
        """Take in another one; what it says of a package adds to what was known."""
        self.files += other.files
        for name, package in other.packages.items():
            self.packages[name] = merged(self.packages.get(name), package)


def merged(first: Package | None, second: Package) -> Package:
    """Both in one; where both know something, the first is right."""
    if first is None:
        return second
    return Package(
        first.version if first.version is not None else second.version,
        first.licence if first.licence is not None else second.licence,
        first.recipe if first.recipe is not None else second.recipe,
    )


def absolute(path: bytes) -> bytes:
    """ "./usr/lib/a" and "usr/lib/a" as "/usr/lib/a"."""
    return b"/" + path.removeprefix(b".").lstrip(b"/")


def raw_bytes(text: str) -> bytes:
    """The bytes that were decoded with "surrogateescape"; what never were any become "?"."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def join(lists: Sequence[tuple[str, Listing]], folders: Mapping[bytes, bytes] | None = None) -> Owners:
    """Who owns what by all these lists, each with its name.

    What one list says of a package holds for the files that another says it has. If several packages claim a file,
    one that also a list without files (a manifest of the image) names goes before one that none does, then an
    earlier list before a later one, then, within a list, the later line: it is what was installed last.
    ``folders`` are the real places of folders that the lists call by the name of a symbolic link.
    """
    known: dict[bytes, Package] = {}
    in_image: set[bytes] = set()
    for _, listing in lists:
        for name, package in listing.packages.items():
            known[name] = merged(known.get(name), package)
        if not listing.files:
            in_image.update(listing.packages)
    files: dict[bytes, Owner] = {}
    for source, listing in reversed(lists):
        _claim(files, listing.files, known, in_image, source)
    for path, owner in list(files.items()):
        folder, _, name = path.rpartition(b"/")
        real = (folders or {}).get(folder)
        if real is not None:
            files.setdefault(real + b"/" + name, owner)
    return Owners(files)


def _claim(
    files: dict[bytes, Owner],
    claims: Iterable[tuple[bytes, bytes]],
    known: Mapping[bytes, Package],
    in_image: set[bytes],
    source: str,
) -> None:
    owners: dict[bytes, Owner] = {}
    for path, name in claims:
        before = files.get(path)
        if before is not None and before.package in in_image and name not in in_image:
            continue
        owner = owners.get(name)
        if owner is None:
            package = known.get(name, Package())
            owner = owners[name] = Owner(name, package.version, package.licence, source, package.recipe)
        files[path] = owner

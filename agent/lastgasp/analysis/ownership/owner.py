"""Whose a file is: the package that installed it, its version and its licence.

Everything is raw bytes, as in the lists that it comes from; unknown is None.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """A package that has a file of the device."""

    package: bytes
    version: bytes | None
    licence: bytes | None
    source: str  # the list that says so, a path on this machine


class Owners:
    """Who owns which file, by its absolute path on the device."""

    def __init__(self, files: dict[bytes, Owner]) -> None:
        self.files = files

    def of(self, path: bytes) -> Owner | None:
        """The owner of a file or of a mapping of that name; None: no list knows it, or it is no file."""
        return self.files.get(path)

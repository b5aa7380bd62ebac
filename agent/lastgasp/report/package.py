"""A package in words: "libfoo 1.4.2"."""

from __future__ import annotations

from collections.abc import Callable

from lastgasp.analysis.ownership.owner import Owner


def package(owner: Owner, text: Callable[[bytes], str]) -> str:
    """Name and version, as far as it is known, and what it is built from where that is called otherwise."""
    said = text(owner.package)
    if owner.version is not None:
        said += f" {text(owner.version)}"
    if owner.recipe is not None and owner.recipe != owner.package:
        said += f" (of {text(owner.recipe)})"
    return said

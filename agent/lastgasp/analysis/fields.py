"""Numbers out of recorded text, which may hold anything."""

from __future__ import annotations

DIGITS = 20  # as 64 bits have; more are no number that a kernel or the agent writes


def whole(raw: bytes | None) -> int | None:
    """The number that ``raw`` is, sign allowed; None when it is none or absent."""
    if raw is None:
        return None
    digits = raw.removeprefix(b"-")
    return int(raw) if digits.isdigit() and len(digits) <= DIGITS else None

"""Quantities as a budget writes them: ``"12 MB"``, ``"8 MiB"``, ``"500 kB/h"``, ``"1 %/h"``, ``"10 min"``, ``"1 %"``.

Sizes are powers of 1024, as the kernel's kB are: MB and MiB are the same. A plain number is bytes (of a size), bytes an
hour (of a rate), seconds (of a time), or a count. Every function raises ValueError with what is wanted instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NUMBER = r"(\d{1,15}(?:\.\d{1,6})?)"
SIZE = re.compile(NUMBER + r"\s*([kKMGT]?)(?:i?[bB])?")
RATE = re.compile(r"(.*?)\s*/\s*(s|min|h|day|d)")
TIME = re.compile(NUMBER + r"\s*(ms|s|min|h|d|day|days)")
SHARE = re.compile(NUMBER + r"\s*%")
SCALE = {"": 1, "k": 1 << 10, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
SECONDS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400, "day": 86400, "days": 86400}
HOUR_S = 3600
LARGEST = 1 << 62

WANTS_SIZE = 'a size: "12 MB", "500 kB", or a number of bytes'
WANTS_RATE = 'a rate: "500 kB/h", "2 MB/day", "1 %/h", or a number of bytes an hour'
WANTS_TIME = 'a time: "90 s", "10 min", "2 h", "1 day", or a number of seconds'
WANTS_SHARE = 'a share: "1 %", "0.5 %"'
WANTS_COUNT = "a whole number, 0 or more"
WANTS_FLAG = "true or false"


@dataclass(frozen=True, slots=True)
class Rate:
    """Growth that is allowed: bytes in an hour, or a share of the steady level in an hour."""

    bytes_per_h: float | None
    share_per_h: float | None


def size(value: object) -> int:
    """Bytes."""
    if isinstance(value, str) and (match := SIZE.fullmatch(value.strip())):
        return _checked(float(match[1]) * SCALE[match[2]], WANTS_SIZE)
    return _number(value, WANTS_SIZE)


def rate(value: object) -> Rate:
    """Growth in an hour."""
    if not isinstance(value, str):
        return Rate(_number(value, WANTS_RATE), None)
    match = RATE.fullmatch(value.strip())
    if match is None:
        raise ValueError(WANTS_RATE)
    in_an_hour = HOUR_S / SECONDS[match[2]]
    if part := SHARE.fullmatch(match[1]):
        return Rate(None, float(part[1]) / 100 * in_an_hour)
    if part := SIZE.fullmatch(match[1]):
        return Rate(float(part[1]) * SCALE[part[2]] * in_an_hour, None)
    raise ValueError(WANTS_RATE)


def per_day(value: object) -> int:
    """Bytes in a day; a size alone means a day, too."""
    if isinstance(value, str) and (match := RATE.fullmatch(value.strip())):
        day = 86400 / SECONDS[match[2]]
        if part := SIZE.fullmatch(match[1]):
            return _checked(float(part[1]) * SCALE[part[2]] * day, WANTS_SIZE)
        raise ValueError(WANTS_SIZE)
    return size(value)


def time_ms(value: object) -> int:
    """Milliseconds."""
    if isinstance(value, str) and (match := TIME.fullmatch(value.strip())):
        return _checked(float(match[1]) * SECONDS[match[2]] * 1000, WANTS_TIME)
    return _number(value, WANTS_TIME) * 1000


def share(value: object) -> float:
    """0 to 1."""
    if isinstance(value, str) and (match := SHARE.fullmatch(value.strip())) and float(match[1]) <= 100:
        return float(match[1]) / 100
    raise ValueError(WANTS_SHARE)


def count(value: object) -> int:
    """A number of things."""
    return _number(value, WANTS_COUNT)


def flag(value: object) -> bool:
    """Yes or no."""
    if isinstance(value, bool):
        return value
    raise ValueError(WANTS_FLAG)


def _number(value: object, wants: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < LARGEST:
        raise ValueError(wants)
    return value


def _checked(value: float, wants: str) -> int:
    if value >= LARGEST:
        raise ValueError(wants)
    return round(value)

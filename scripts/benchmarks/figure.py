"""What a measurement yields: rows for the table, and whether each reaches what it has to. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of the same thing. Judged by the median."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Raises ValueError when there is nothing."""
        if not values:
            raise ValueError("nothing was measured")
        return cls(min(values), statistics.median(values), max(values))

    @classmethod
    def one(cls, value: float) -> Spread:
        """A thing measured once."""
        return cls(value, value, value)


@dataclass(frozen=True, slots=True)
class Reach:
    """The most that a figure may be, or the least; of the figure itself, or of its ratio to the peer's."""

    value: float
    of_peer: bool = False
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    ``ours`` and the peers are in ``unit`` (see ``table``); the ratio is to the first peer. ``missing`` says why
    something was not measured, ``notes`` what a reader must know to judge the figure.
    """

    name: str  # as --only takes it
    figure: str
    unit: str
    ours: Spread | None = None
    interpreter: str = ""
    peers: tuple[tuple[str, Spread], ...] = ()
    ratio: Spread | None = None
    reach: Reach | None = None
    missing: str = ""
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For ``row_of`` and for people's programs; ``reached`` is true, false or null (nothing to say)."""
        return asdict(self) | {"reached": reached(self)}


def row_of(values: dict[str, Any]) -> Row:
    """The row that ``as_json`` made this of."""

    def spread(value: dict[str, float] | None) -> Spread | None:
        return None if value is None else Spread(**value)

    return Row(
        name=values["name"],
        figure=values["figure"],
        unit=values["unit"],
        ours=spread(values["ours"]),
        interpreter=values["interpreter"],
        peers=tuple((name, Spread(**value)) for name, value in values["peers"]),
        ratio=spread(values["ratio"]),
        reach=None if values["reach"] is None else Reach(**values["reach"]),
        missing=values["missing"],
        notes=tuple(values["notes"]),
    )


def ratio_of(row: Row) -> Spread | None:
    """The row's own ratio (of windows compared one by one), else that of the medians; None without a peer."""
    if row.ratio is not None:
        return row.ratio
    if row.ours is None or not row.peers or not row.peers[0][1].median:
        return None
    return Spread.one(row.ours.median / row.peers[0][1].median)


def reached(row: Row) -> bool | None:
    """Did the figure reach what it has to? None: there is nothing to reach, or it could not be measured."""
    if row.reach is None:
        return None
    judged = ratio_of(row) if row.reach.of_peer else row.ours
    if judged is None:
        return None
    return judged.median >= row.reach.value if row.reach.at_least else judged.median <= row.reach.value

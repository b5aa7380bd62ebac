"""Against what memory grows, in words: bytes for each unit of work, the mark whose time it is, or time alone."""

from __future__ import annotations

from collections.abc import Callable

from lastgasp.analysis.shape.verdict import Confidence
from lastgasp.analysis.workload.counters import Work
from lastgasp.analysis.workload.drivers import Driver, Drivers, Rival
from lastgasp.analysis.workload.marks import DuringMark
from lastgasp.report import units

Text = Callable[[bytes], str]
PLURALS = {
    Work.STARTS: "process starts",
    Work.SWITCHES: "context switches",
    Work.CPU: "CPU time",
    Work.OWN_CPU: "its own CPU time",
    Work.BYTES_READ: "bytes read from disk",
    Work.BYTES_WRITTEN: "bytes written to disk",
    Work.OWN_READ: "bytes that it read",
    Work.OWN_WRITTEN: "bytes that it wrote",
}
SURE = {Confidence.LOW: "it seems", Confidence.MEDIUM: "most likely", Confidence.HIGH: ""}
RIVALS = 2
SMALL = 10.0  # bytes a unit: below, fractions count


def each(driver: Driver, text: Text) -> str:
    """412 bytes per received packet on eth0 (R² 0.97)."""
    return f"{amount(driver.bytes_per_unit)} per {_one(driver.work, driver.of, text)} (R² {driver.r2:.2f})"


def amount(bytes_: float) -> str:
    """412 bytes; 0.29 bytes; 66.0 kB."""
    if bytes_ < SMALL:
        return f"{bytes_:.2g} bytes"
    return f"{bytes_:.0f} bytes" if bytes_ < 10_000 else units.size(bytes_)


def _one(work: Work, of: bytes | None, text: Text) -> str:
    return str(work) if of is None else f"{work} on {text(of)}"


def _many(rival: Rival, text: Text) -> str:
    words = PLURALS.get(rival.work, f"{rival.work}s")
    return words if rival.of is None else f"{words} on {text(rival.of)}"


def sentence(name: str, follows: Drivers | None, text: Text) -> str | None:
    """One for the answer; None where growth follows nothing but time, or it is no more than a guess."""
    if follows is None:
        return None
    said = []
    if follows.driver is not None and follows.driver.confidence is not Confidence.LOW:
        sure = SURE[follows.driver.confidence]
        said.append(f"{f'{sure} ' if sure else ''}by {each(follows.driver, text)}")
    if follows.during is not None:
        said.append(_during(follows.during, text))
    return f"{name} grows {', and '.join(said)}." if said else None


def _during(during: DuringMark, text: Text) -> str:
    share = units.percent(during.growth_share)
    time = units.percent(during.time_share)
    times = f", set {during.times} times" if during.times > 1 else ""
    return f'only during mark "{text(during.text)}"{times} ({share} of the growth in {time} of the time)'


def told(follows: Drivers) -> bool:
    """Is there more to say of it than time?"""
    return follows.driver is not None or follows.during is not None


def phrase(follows: Drivers | None, text: Text) -> str:
    """What to write beside a leak."""
    if follows is None:
        return "not held against the work done"
    said = []
    driver = follows.driver
    if driver is not None:
        said.append(each(driver, text))
        if driver.besides_per_s > 0:
            said.append(f"and {units.rate(driver.besides_per_s, 3_600_000)} besides")
        if driver.rivals:
            alike = [_many(rival, text) for rival in driver.rivals[:RIVALS]]
            said.append(f"({' and '.join(alike)} fit as well)")
    if follows.during is not None:
        said.append(_during(follows.during, text))
    if said:
        return ", ".join(said).replace(", (", " (").replace(", and", " and")
    if not follows.tried:
        return "unknown: no counter of work is in this recording"
    if not follows.enough:
        return "unknown: too few changes to hold against the work done"
    return f"time alone: none of {units.count(follows.tried, 'counter')} of work explains more"

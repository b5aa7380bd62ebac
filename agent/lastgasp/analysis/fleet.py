"""Many recordings at once: each in short, copies of one ring found, counted by firmware and by cause.

What a recording says is what ``facts`` says of it; nothing is judged here a second time. Names are raw bytes, unknown
is None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.forecast import Forecast
from lastgasp.analysis.growth import Growth
from lastgasp.analysis.leading import unlike
from lastgasp.analysis.memory import KernelGrowth
from lastgasp.analysis.oom.cause import Case
from lastgasp.analysis.oom.kills import Explanation
from lastgasp.analysis.shape.verdict import LIKELY_BYTES, Shape
from lastgasp.analysis.times import Moment
from lastgasp.timeline.model import Boot, Recording

PLACE_LEAST = 0.2  # of the growth: a mapping with less is not where a program leaks
VERSIONS = ("os.version_id", "os.image_version", "os.build_id")


class Kind(StrEnum):
    """Sorts of cause, the worst first."""

    LEAK = "a process leaks"
    MACHINE = "the machine leaks"  # no process of its own: kernel memory, tmpfs, all processes together
    COUNT = "open files, threads, processes or sockets leak"
    FILLED = "the memory was filled"  # most likely: nobody was seen to leak, but somebody took most of it before a kill
    SQUEEZED = "it ended with nothing left"  # and without a report of the kernel
    REFUSED = "programs were refused memory"  # by vm.overcommit_memory=2
    KILLED = "killed, but nobody leaks"  # the OOM killer struck, or the kernel panicked, and nothing seems to leak
    NOTHING = "nobody leaks"
    UNKNOWN = "too short to tell"


HARMS = (Kind.LEAK, Kind.MACHINE, Kind.COUNT, Kind.SQUEEZED, Kind.REFUSED)


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong with a device, or that nothing is."""

    kind: Kind
    name: bytes | None = None  # the program, the kind of memory or count; of a kill alone the kind of shortage (a Case)
    sure: bool = True  # else a suspicion
    per_s: float | None = None  # bytes a second that it grows by
    place: bytes | None = None  # the mapping that grows most, or the slab cache
    boot: int | None = None  # from 1


@dataclass(frozen=True, slots=True)
class Firmware:
    """What ran on a device."""

    system: bytes | None  # os-release's PRETTY_NAME, or its ID
    version: bytes | None  # its VERSION_ID, IMAGE_VERSION or BUILD_ID
    kernel: bytes | None


@dataclass(slots=True)
class Device:
    """One recording in short."""

    file: str
    ring_id: int
    host: bytes | None
    firmware: Firmware  # of the boot that its first cause is about
    firmwares: list[Firmware]  # all that it ran, in their order
    first: Moment
    last: Moment
    boots: list[str]  # their ids, hex; empty where the kernel gave none
    recorded_ms: int
    samples: int
    ram_bytes: int | None
    available_bytes: int | None  # the lowest
    runs_out: Forecast | None  # what of it runs out of memory first, if anything does
    kills: int | None  # by the OOM killer, panics included; None: the kernel doesn't count them, and none was seen
    victims: list[bytes]  # whose kill was recorded, in the order of time
    causes: list[Cause]  # the worst first; at least one
    answer: list[str] = field(default_factory=list)  # as a report begins; filled in by whoever has words
    copies: list[str] = field(default_factory=list)  # files with earlier or shorter copies of this ring

    @property
    def troubled(self) -> bool:
        """Does anything leak beyond doubt, was anybody killed or refused memory, or did a boot end with none left?"""
        return bool(self.kills) or any(cause.sure and cause.kind in HARMS for cause in self.causes)

    @property
    def rank(self) -> tuple[bool, bool, int, int, float]:
        """The worst is the greatest: by leaks and kills, suspicions, how many kills, how little memory was left."""
        worst = self.causes[0]
        suspect = worst.kind not in (Kind.NOTHING, Kind.UNKNOWN)
        left = self.available_bytes / self.ram_bytes if self.available_bytes is not None and self.ram_bytes else 1.0
        kinds = list(Kind)
        return self.troubled, suspect, self.kills or 0, -kinds.index(worst.kind), -left


@dataclass(slots=True)
class Share:
    """One cause, and how many devices have it."""

    kind: Kind
    name: bytes | None
    places: list[tuple[bytes, int]]  # mappings or caches, the commonest first
    sure: list[Device] = field(default_factory=list)
    perhaps: list[Device] = field(default_factory=list)  # it is only a suspicion there

    @property
    def killed(self) -> int:
        """Devices among them with a kill."""
        return sum(bool(device.kills) for device in [*self.sure, *self.perhaps])


@dataclass(slots=True)
class Fleet:
    """All of them."""

    devices: list[Device]  # the worst first
    firmwares: list[tuple[Firmware, list[Device]]]  # the one with most troubled devices first
    causes: list[Share]  # the commonest first; that nobody leaks, or nothing can be told, at the end


def summary(recording: Recording, facts: Facts) -> Device:
    """One recording in short."""
    found = causes(facts)
    ran = [_firmware(boot) for boot in recording.boots]
    known = [firmware for firmware in ran if firmware is not None]
    boot = found[0].boot
    own = (ran[boot - 1] if boot is not None else None) or (known[-1] if known else Firmware(None, None, None))
    available = next((track.low for track in facts.memory if track.name == "available"), None)
    return Device(
        facts.file,
        facts.ring_id,
        facts.machine.host,
        own,
        list(dict.fromkeys(known)),
        facts.span.first,
        facts.span.last,
        [boot.boot_id for boot in facts.boots],
        facts.span.recorded_ms,
        facts.span.samples,
        facts.machine.total_bytes,
        available,
        _first_to_run_out(facts),
        _kills(facts),
        [event.victim for event in facts.ooms if event.victim is not None and not event.before_recording],
        found,
    )


def join(devices: Iterable[Device]) -> Fleet:
    """Count each device once, and group them."""
    every = sorted(_without_copies(devices), key=lambda device: device.rank, reverse=True)
    firmwares: dict[Firmware, list[Device]] = {}
    shares: dict[tuple[Kind, bytes | None], Share] = {}
    for device in every:
        firmwares.setdefault(device.firmware, []).append(device)
        for cause in _once(device.causes):
            share = shares.setdefault((cause.kind, cause.name), Share(cause.kind, cause.name, []))
            (share.sure if cause.sure else share.perhaps).append(device)
    for (kind, name), share in shares.items():
        found = [
            cause for device in every for cause in _once(device.causes) if (cause.kind, cause.name) == (kind, name)
        ]
        share.places = Counter(cause.place for cause in found if cause.place is not None).most_common()
    return Fleet(
        every,
        sorted(
            firmwares.items(), key=lambda item: (sum(device.troubled for device in item[1]), len(item[1])), reverse=True
        ),
        sorted(shares.values(), key=_commonest),
    )


def _commonest(share: Share) -> tuple[bool, int, int, int]:
    """The least is the commonest; a suspicion counts half, but not where a kill is explained by it before all."""
    wrong = share.kind not in (Kind.NOTHING, Kind.UNKNOWN)
    every = [*share.sure, *share.perhaps]
    first = sum((device.causes[0].kind, device.causes[0].name) == (share.kind, share.name) for device in every)
    weight = 2 * len(share.sure) + len(share.perhaps)
    if share.kind is Kind.FILLED:
        weight += first
    return not wrong, -weight, -first, list(Kind).index(share.kind)


def _once(causes: Sequence[Cause]) -> list[Cause]:
    """Of causes that are the same but for their place or their certainty the first."""
    return list({(cause.kind, cause.name): cause for cause in reversed(causes)}.values())[::-1]


def causes(facts: Facts) -> list[Cause]:
    """What is wrong, that which a report begins with first."""
    found = [_leak(growth, True) for growth in facts.leaks]
    found += [_machine(growth) for growth in facts.machine_leaks]
    found += [Cause(Kind.COUNT, count.name or count.what.encode(), boot=count.since.boot) for count in facts.counts]
    suspects = [growth for growth in facts.suspicions if growth.worst.verdict.grown >= LIKELY_BYTES]
    kill = unlike(facts)
    killed = _by_kill(kill) if kill is not None else None
    if found and killed is not None and killed.kind is not Kind.KILLED:
        found = [killed, *(cause for cause in found if (cause.kind, cause.name) != (killed.kind, killed.name))]
    elif not found:
        # Of one who filled the memory and may leak, the leak tells more.
        known = {growth.name for growth in suspects}
        found = [killed] if killed is not None and not (killed.kind is Kind.FILLED and killed.name in known) else []
        found += _by_ending(facts)
    leaking = {cause.name for cause in found if cause.kind is Kind.LEAK}
    found += [_leak(growth, False) for growth in suspects if growth.name not in leaking]
    if not found and _kills(facts):
        found = [Cause(Kind.KILLED)]
    if found:
        return found
    programs = facts.programs
    unjudged = programs.too_short + sum(growth.worst.verdict.shape is Shape.TOO_SHORT for growth in facts.growth)
    judged = programs.total > unjudged and facts.span.samples
    return [Cause(Kind.NOTHING if judged else Kind.UNKNOWN)]


def _by_kill(kill: Explanation) -> Cause:
    """What a report of a kill says: who is to blame by the recording before it, else the kind of shortage."""
    before, culprit, boot = kill.before, kill.culprit, kill.at.boot
    if before is not None and before.blamed:
        if before.program is not None:
            return Cause(Kind.LEAK, before.program.name, per_s=before.per_s, boot=boot)
        if before.machine is not None:
            return replace(_machine(before.machine), sure=True, per_s=before.per_s)
    if culprit is not None:
        return Cause(Kind.FILLED, culprit.name, sure=False, boot=boot)
    told = kill.cause.case not in (Case.UNKNOWN, Case.CUT)
    return Cause(Kind.KILLED, kill.cause.case.encode() if told else None, boot=boot)


def _by_ending(facts: Facts) -> list[Cause]:
    """The last boot that just ended with nothing left, and the last in which programs were refused memory."""
    found = [(Kind.SQUEEZED, one.takers, one.at) for one in facts.squeezes[-1:]]
    found += [(Kind.REFUSED, one.takers, one.first) for one in facts.refusals[-1:]]
    return [Cause(kind, takers[0].name if takers else None, boot=at.boot) for kind, takers, at in found]


def _leak(growth: Growth, sure: bool) -> Cause:
    life = growth.worst
    where = life.where
    place = None
    if where is not None and where.places and where.grown is not None and where.grown > 0:
        most = where.places[0]
        place = most.name if (most.share or 0) >= PLACE_LEAST else None
    return Cause(Kind.LEAK, life.name, sure, life.verdict.per_s, place, life.boot)


def _machine(growth: KernelGrowth) -> Cause:
    place = growth.caches[0][0] if growth.caches else None
    return Cause(Kind.MACHINE, growth.name.encode(), growth.leaks, growth.verdict.per_s, place, growth.since.boot)


def _first_to_run_out(facts: Facts) -> Forecast | None:
    known = [one for one in facts.forecasts if one.in_ms is not None]
    return min(known, key=lambda one: one.in_ms or 0, default=None)


def _kills(facts: Facts) -> int | None:
    """By what the kernel counted and by what was seen, whichever is more."""
    seen = sum(
        (event.victim is not None or event.panic is not None) and not event.before_recording for event in facts.ooms
    )
    return max(seen, facts.kills_counted) if facts.kills_counted is not None else seen or None


def _firmware(boot: Boot) -> Firmware | None:
    known = boot.machine()
    if not known:
        return None
    version = next((known[name] for name in VERSIONS if known.get(name)), None)
    return Firmware(known.get("os.pretty_name") or known.get("os.id") or None, version, known.get("kernel") or None)


# -- the same ring twice --------------------------------------------------------------------------------


def _without_copies(devices: Iterable[Device]) -> list[Device]:
    """Of several copies of one ring the longest, which knows of the others."""
    found: list[Device] = []
    for device in sorted(devices, key=lambda device: (-device.recorded_ms, -device.samples, device.file)):
        longer = next((other for other in found if _same(other, device)), None)
        if longer is None:
            found.append(device)
        else:
            longer.copies.append(device.file)
    return found


def _same(one: Device, other: Device) -> bool:
    """Is it one ring of one device, copied at different times?

    Devices made from one image have the same ring id when the ring was in it. What sets them apart: their names, that
    each goes on with a boot of its own behind those they share, or that they ran at the same time with none in common.
    """
    if one.ring_id != other.ring_id or (one.host and other.host and one.host != other.host):
        return False
    if set(filter(None, one.boots)) & set(filter(None, other.boots)):
        return one.boots[-1] in other.boots or other.boots[-1] in one.boots
    spans = [(device.first.wall_ns, device.last.wall_ns) for device in (one, other)]
    (begin, end), (other_begin, other_end) = spans
    if begin is None or end is None or other_begin is None or other_end is None:
        return True
    return end < other_begin or other_end < begin

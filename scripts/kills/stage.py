"""A guest that plays casts."""

from __future__ import annotations

from pathlib import Path

from bed.errors import BedError
from bed.guest import Guest
from bed.targets import Arch
from kills.casts import Cast, Outcome, outcome
from rehearsals import parts

SOURCES = Path(__file__).parent / "inside"
PROGRAM = "/opt/cast"
SCRIPT = "/run/cast.in"
RESULT = "/run/cast.out"
GO = "/run/cast-go"
OVER = "/run/cast-over"
END = "/run/cast-end"
SLACK_S = 120  # to bring everybody up, and for a busy host


def programs(folder: Path, arch: Arch) -> list[tuple[Path, str]]:
    """The director and the actor, as files for a guest: where each is here, and where it is to be there."""
    return [(parts.build_program(folder, arch, SOURCES / f"{name}.c"), f"opt/{name}") for name in ("cast", "actor")]


def write(guest: Guest, cast: Cast) -> None:
    """Give a guest its cast."""
    guest.check(f"rm -f {RESULT} {GO} {OVER} {END}; cat > {SCRIPT} <<'BED-CAST'\n{cast.text()}BED-CAST")


def play(guest: Guest, cast: Cast) -> None:
    """Play it to the end. The director takes the shell's place, so that no kill can take what waits for it."""
    write(guest, cast)
    status, text = guest.run(f"exec {PROGRAM} {SCRIPT} {RESULT}", cast.wait_s + SLACK_S)
    if status:
        raise BedError(f"in the guest, cast ended with exit status {status}: {text.strip()}")


def result(guest: Guest) -> Outcome:
    """What came of the one played last."""
    return outcome(guest.pull(RESULT))

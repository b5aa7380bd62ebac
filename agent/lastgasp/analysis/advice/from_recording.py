"""Which settings a recording gives reason to change, though nobody was killed in it; and what each would do there.

Pure, over ``Standing`` and the recording's facts. All of it is judgement but the arithmetic of overcommit.
"""

from __future__ import annotations

from collections.abc import Sequence

from lastgasp.analysis.advice.piece import DELAYING, FAILING, HALF, STALLING, VITAL, Advice, percent
from lastgasp.analysis.advice.standing import Shield, Standing
from lastgasp.analysis.facts import Facts
from lastgasp.analysis.fields import whole

MUCH_KEPT = 0.05  # of RAM, kept free by vm.min_free_kbytes
LITTLE_LEFT = 0.1  # of RAM, available at least: memory is short
LARGE = 0.4  # of RAM, anonymous: swap has something to do
SHIELDED = 0.1  # of RAM, held by those who may not be killed
GROUPS_SHOWN = 3


def advise_recording(standing: Standing, facts: Facts, refused_at: bytes | None = None) -> list[Advice]:
    """Those that apply, what matters most first. ``refused_at``: when mode 2 would have refused first."""
    found: list[Advice | None] = [
        *(_growing(shield) for shield in standing.shields if shield.per_s),
        _shielded(standing),
        *_groups(facts),
        _panic(standing),
        _allocating(standing),
        _swap(standing),
        _kept(standing),
        _dump(standing),
        _refusing(facts) if facts.refusals else overcommit(standing, refused_at),
    ]
    if facts.refusals:
        found.insert(0, found.pop())
    return [advice for advice in found if advice is not None]


def _growing(shield: Shield) -> Advice:
    return Advice(
        "oom_score_adj of {} to 0",
        b"-1000",
        f"It may not be killed and it leaks ({shield.rss_kb:,} kB now): everybody else dies before it, and then the"
        " kernel panics.",
        (shield.name,),
        False,
        f"{VITAL} Mend it first.",
    )


def _shielded(standing: Standing) -> Advice | None:
    held = sum(shield.rss_kb for shield in standing.shields)
    if not standing.ram_kb or held < SHIELDED * standing.ram_kb:
        return None
    names = tuple(shield.name for shield in standing.shields[:3])
    share = held / standing.ram_kb
    count = len(standing.shields)
    who = f"{count} processes may not be killed and hold" if count > 1 else "1 process may not be killed and holds"
    here = f"{who} {held:,} kB, {percent(share)} of RAM; the largest: {', '.join(['{}'] * len(names))}."
    caution = "What they hold others have to make room for: watchdogs and loggers among them."
    if share > HALF:
        caution = "More than half of RAM may not be taken: an OOM kill frees little, and the next step is a panic."
    return Advice("oom_score_adj -1000 for fewer processes", b"-1000", here, names, False, caution)


def _groups(facts: Facts) -> Sequence[Advice]:
    found = []
    for group in [one for one in facts.groups if one.near][:GROUPS_SHOWN]:
        share = percent(group.peak_bytes / group.limit_bytes)
        found.append(
            Advice(
                "memory.max of {}",
                b"%d kB" % (group.limit_bytes // 1024),
                f"It came up to {group.peak_bytes // 1024:,} kB, {share} of its limit"
                + (f", and hit it {group.limit_hits:,} times." if group.limit_hits else "."),
                (group.path,),
                False,
                "Raise it only if that is its peak in health. memory.high below it slows the group down before it is"
                " killed, and can stall it.",
            )
        )
    return found


def _panic(standing: Standing) -> Advice | None:
    value = standing.settings.get("vm.panic_on_oom")
    if value is None or value == b"0":
        return None
    here = "It is set: at the first shortage the machine stops, instead of losing one process."
    if standing.saves_log:
        here += " Part of this recording came from RAM that survives a reset, so its reason is kept."
    else:
        here += " Nothing here shows that a log is kept over the reset (ramoops, pmsg): the reason may be lost with it."
    caution = "With 0 one process dies and the rest goes on, in a state that nobody tested."
    return Advice("vm.panic_on_oom", value, here, (), False, caution)


def _allocating(standing: Standing) -> Advice | None:
    value = standing.settings.get("vm.oom_kill_allocating_task")
    if value is None or value == b"0":
        return None
    here = (
        "It is set: whoever asks for memory at the wrong moment dies, however small it is; oom_score_adj hardly counts."
    )
    return Advice(
        "vm.oom_kill_allocating_task=0", value, here, (), False, "With 0 the largest dies, which may be the vital one."
    )


def _swap(standing: Standing) -> Advice | None:
    ram, anon = standing.ram_kb, standing.anon_most_kb
    swappiness = standing.settings.get("vm.swappiness")
    if not ram or anon is None or standing.available_least_kb is None:
        return None
    short = standing.available_least_kb < LITTLE_LEFT * ram
    if not standing.swap_kb and anon > LARGE * ram and short:
        here = (
            f"There is no swap, and processes held up to {anon:,} kB, {percent(anon / ram)} of RAM. zram packs what is"
        )
        here += " seldom touched to a half or a third."
        return Advice("zram swap, vm.swappiness", swappiness, here, (), False, DELAYING)
    used = standing.swap_most_kb
    if standing.swap_kb and used is not None and short and used < standing.swap_kb / 2:
        here = f"Of {standing.swap_kb:,} kB of swap at most {used:,} were used, while only"
        here += f" {standing.available_least_kb:,} kB were available. A higher value swaps sooner"
        here += " (zram: up to 200 from Linux 5.8 on, up to 100 before)."
        return Advice("vm.swappiness", swappiness, here, (), False, STALLING)
    return None


def _kept(standing: Standing) -> Advice | None:
    kept = whole(standing.settings.get("vm.min_free_kbytes"))
    if kept is None or not standing.ram_kb or kept < MUCH_KEPT * standing.ram_kb:
        return None
    here = f"It keeps {kept:,} kB free, {percent(kept / standing.ram_kb)} of RAM, which programs cannot have."
    caution = "Network and storage drivers take from it where they may not wait: too little, and they fail under load."
    return Advice("vm.min_free_kbytes, lower", b"%d" % kept, here, (), False, caution)


def _dump(standing: Standing) -> Advice | None:
    value = standing.settings.get("vm.oom_dump_tasks")
    if value != b"0":
        return None
    here = "It is 0: a report will not say who held what."
    return Advice("vm.oom_dump_tasks=1", value, here, (), False, "A longer log: a line for each process.")


def _refusing(facts: Facts) -> Advice:
    """Where mode 2 most likely refused programs memory."""
    one = facts.refusals[-1]
    free = f" while {one.available_bytes // 1024:,} kB were available" if one.available_bytes is not None else ""
    here = f"It most likely refused programs{free}: {one.committed_bytes // 1024:,} kB were promised, CommitLimit is"
    here += f" {one.limit_bytes // 1024:,} kB. A higher ratio (or _kbytes) allows more promises; 0 refuses only what is"
    here += " far beyond all memory."
    caution = (
        "It helps only if nobody leaks: a leak takes the new limit, too. And where more is promised than there is,"
    )
    caution += " the OOM killer comes instead."
    return Advice("vm.overcommit_memory, vm.overcommit_ratio", b"2", here, (), False, caution)


def overcommit(standing: Standing, refused_at: bytes | None) -> Advice | None:
    """What mode 2 would have done, or does."""
    answer = standing.overcommit
    if answer is None or answer.most is None:
        return None
    current = standing.settings.get("vm.overcommit_memory")
    most = f"up to {answer.most.committed_kb:,} kB were promised, CommitLimit is {answer.limit_kb:,} kB"
    names: tuple[bytes, ...] = ()
    if current == b"2":
        here = f"It is at work: {most}; {answer.allowed_kb:,} kB of that for programs without privileges."
        return Advice(
            "vm.overcommit_ratio (or _kbytes)", standing.settings.get("vm.overcommit_ratio"), here, (), True, FAILING
        )
    if not answer.refuses:
        here = f"It would have refused nothing here ({most}), so it would have changed nothing."
        return Advice("vm.overcommit_memory=2", current, here, (), True, FAILING)
    here = f"It would have refused: {most}"
    refused = standing.refused
    if refused is not None and refused_at is not None:
        names = (refused_at,)
        here += ". First at {}"
        if refused.name is not None:
            here += f", most likely {{}} (pid {refused.pid}), whose address space grew by {refused.grown_kb:,} kB then"
            names = (refused_at, refused.name)
    return Advice("vm.overcommit_memory=2", current, f"{here}.", names, True, FAILING)

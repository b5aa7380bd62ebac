"""Kills by user space's killers, and by Android's former driver: said as theirs, with their own words as reason.

earlyoom, systemd-oomd, oomd, nohang and lmkd speak in one line or a few; ``Killers`` reads the lines of a log in their
order. Where syslog names the program, only that program's word counts.
"""

from __future__ import annotations

import re
from dataclasses import replace

from lastgasp.oom.log import KERNEL_TAGS, Line
from lastgasp.oom.report import Killer, Place, Report, Victim

NEAR = 8  # lines before a kill that may tell why
MOST_LINES = 6  # of the driver's message

PROGRAM = re.compile(rb"([\w.-]{1,32})(?:\[\d{1,10}\])?: ")
EARLYOOM = re.compile(
    rb'sending (SIGTERM|SIGKILL) to process (\d{1,10}) uid (\d{1,10}) "(.*?)": '
    rb"((?:[a-z_]{1,20} -?\d{1,12}(?: KiB)?, ){0,6})VmRSS (\d{1,12}) MiB",
    re.S,
)
EARLYOOM_1 = re.compile(
    rb"Killing process: (.{1,64}), pid: (\d{1,10}), badness: (-?\d{1,6}), VmRSS: (\d{1,12}) MiB", re.S
)
EARLYOOM_WHY = re.compile(rb"(?:mem avail: |[Ll]ow [Mm]emory! )")
BADNESS = re.compile(rb"(badness|oom_score|oom_score_adj) (-?\d{1,9})")
SYSTEMD_OOMD = re.compile(rb"(?:Killed|Marked) (/.*?)(?: for killing)? due to (memory (?:pressure|used) ?.*)$", re.S)
OOMD = re.compile(rb"oomd kill: ([\d.]+ [\d.]+ [\d.]+) (.*) (\d{1,20}) ((?:ruleset|detector).*)$", re.S)
NOHANG_VICTIM = re.compile(rb" *PID: +(\d{1,10}), [Nn]ame: (.{1,64}?)(?:, (?:badness|state): ?(-?\d{0,9}).*)?$", re.S)
NOHANG = re.compile(rb" *(?:Implementing a corrective action: *)?Sending (SIGTERM|SIGKILL) to the victim")
LMKD = re.compile(rb"Kill(?:ing)? '(.{1,256})' \((\d{1,10})\)(?: \(tgid (\d{1,10})\))?, (.*)$", re.S)
LMKD_UID = re.compile(rb"uid (\d{1,10})")
LMKD_ADJ = re.compile(rb"(?:score_adj|oom_adj|adj) (-?\d{1,6})")
LMKD_FREE = re.compile(rb"to free (\d{1,12})kB")
LMKD_GOES_ON = re.compile(rb" *(?:to free \d|cache |Free |Total |because |cma |Slab |GFP |swap |\d)")
PROGRAMS = {
    Killer.EARLYOOM: {b"earlyoom"},
    Killer.SYSTEMD_OOMD: {b"systemd-oomd"},
    Killer.OOMD: {b"oomd", *KERNEL_TAGS},
    Killer.NOHANG: {b"nohang", b"nohang-desktop"},
    Killer.LMKD: {b"lowmemorykiller", b"lmkd", *KERNEL_TAGS},
}


class Killers:
    """Reads lines; gives a report for each kill. ``pending``: the driver's message is not at its end."""

    def __init__(self) -> None:
        self.pending: Report | None = None
        self._lines = 0
        self._why: list[tuple[int, bytes]] = []
        self._victim: tuple[int, Victim] | None = None

    def read(self, line: Line, number: int) -> tuple[list[Report], bool]:
        """The reports that this line ends, and whether it belongs to one (or is a killer's at all)."""
        done: list[Report] = []
        text, program = line.text, line.program
        if match := PROGRAM.match(text):
            program, text = match[1], text[match.end() :]
            if program not in set().union(*PROGRAMS.values()):
                program, text = line.program, line.text
        if self.pending is not None:
            if self._goes_on(text):
                self._lines += 1
                return done, True
            done += self.end()
        report = self._one(text, program, line, number)
        if report is None:
            return done, self._remembers(text, program, number)
        if report.killer == Killer.LMKD and text.rstrip().endswith(b","):
            self.pending, self._lines = report, 1
        else:
            done.append(report)
        return done, True

    def end(self) -> list[Report]:
        """The log ends, or another line came."""
        ended, self.pending = self.pending, None
        return [ended] if ended else []

    def _one(self, text: bytes, program: bytes | None, line: Line, number: int) -> Report | None:
        place = Place(number, number, line.uptime_us, line.wall)
        if (match := EARLYOOM.match(text)) and _by(Killer.EARLYOOM, program):
            numbers = {found[1]: int(found[2]) for found in BADNESS.finditer(match[5])}
            victim = Victim(
                int(match[2]),
                match[4],
                uid=int(match[3]),
                rss_kb=int(match[6]) * 1024,
                oom_score_adj=numbers.get(b"oom_score_adj"),
                score=numbers.get(b"badness", numbers.get(b"oom_score")),
                how=b"sending " + match[1],
            )
            return _report(place, Killer.EARLYOOM, self._reason(number) or match[0], victim)
        if (match := EARLYOOM_1.match(text)) and _by(Killer.EARLYOOM, program):
            victim = Victim(int(match[2]), match[1], rss_kb=int(match[4]) * 1024, score=int(match[3]))
            return _report(place, Killer.EARLYOOM, self._reason(number) or match[0], victim)
        if (match := SYSTEMD_OOMD.match(text)) and _by(Killer.SYSTEMD_OOMD, program):
            report = _report(place, Killer.SYSTEMD_OOMD, match[2].rstrip())
            report.group_kill = match[1]
            return report
        if (match := OOMD.match(text)) and _by(Killer.OOMD, program):
            report = _report(place, Killer.OOMD, match[4].rstrip())
            report.group_kill = match[2].rstrip()
            return report
        if NOHANG.match(text) and _by(Killer.NOHANG, program) and self._victim and number - self._victim[0] <= 64:
            return _report(place, Killer.NOHANG, text.strip(), self._victim[1])
        if (match := LMKD.match(text)) and _by(Killer.LMKD, program):
            return _lmkd(place, match)
        return None

    def _remembers(self, text: bytes, program: bytes | None, number: int) -> bool:
        """What a killer says before it kills."""
        if EARLYOOM_WHY.match(text) and _by(Killer.EARLYOOM, program):
            self._why = [*self._why[-1:], (number, text.rstrip())]
            return True
        if (match := NOHANG_VICTIM.match(text)) and _by(Killer.NOHANG, program):
            score = int(match[3]) if match[3] and match[3].lstrip(b"-").isdigit() else None
            self._victim = number, Victim(int(match[1]), match[2], score=score)
            return True
        return False

    def _reason(self, number: int) -> bytes | None:
        words = [text for at, text in self._why if number - at <= NEAR]
        self._why = []
        return b"; ".join(words) or None

    def _goes_on(self, text: bytes) -> bool:
        report = self.pending
        if report is None or self._lines >= MOST_LINES or not LMKD_GOES_ON.match(text):
            return False
        report.reason = (report.reason or b"") + b" " + text.strip()
        report.lines += 1
        report.recognised += 1
        free = LMKD_FREE.search(text)
        if free and report.victims and report.victims[0].rss_kb is None:
            report.victims[0] = replace(report.victims[0], rss_kb=int(free[1]))
        return True


def _by(killer: Killer, program: bytes | None) -> bool:
    return program is None or program.rsplit(b"/")[-1] in PROGRAMS[killer]


def _report(place: Place, killer: Killer, reason: bytes, victim: Victim | None = None) -> Report:
    report = Report(place, killer, reason[:1000], lines=1, recognised=1, complete=True)
    if victim:
        report.victims.append(victim)
    return report


def _lmkd(place: Place, match: re.Match[bytes]) -> Report:
    rest = match[4]
    uid, adj, free = LMKD_UID.search(rest), LMKD_ADJ.search(rest), LMKD_FREE.search(rest)
    victim = Victim(
        int(match[2]),
        match[1],
        tgid=int(match[3]) if match[3] else None,
        uid=int(uid[1]) if uid else None,
        oom_score_adj=int(adj[1]) if adj else None,
        rss_kb=int(free[1]) if free else None,
        how=b"Kill",
    )
    _, _, reason = rest.partition(b"reason: ")
    return _report(place, Killer.LMKD, (reason or rest).rstrip(), victim)

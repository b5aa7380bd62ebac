"""What keys do: to the place in the recording, to what is shown and how. No terminal in here: keys are names.

Names: a character for itself; ``left right up down pgup pgdn home end enter esc backspace``.
"""

from __future__ import annotations

from dataclasses import replace

from lastgasp.analysis.replay import Replay
from lastgasp.analysis.snapshots import Snapshots
from lastgasp.report.screen import Screen
from lastgasp.report.top.columns import BY_KEY, COLUMNS
from lastgasp.report.top.course import Courses
from lastgasp.report.top.view import LABEL, Line, Wish, lines, select
from lastgasp.timeline.model import Recording

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
COURSE_SPACE = 20  # beside the sparkline
COURSE_WIDEST = 200
HINT = "←→ sample  PgUp/Dn min  <> hour  k kill  m mark  / filter  ? help  q quit"
HINT_ASCII = "Left/Right sample  PgUp/Dn min  <> hour  k kill  m mark  / filter  ? help"
HELP = (
    "Keys",
    "  Left, Right      one sample back, on",
    "  PgUp, PgDn       one minute back, on",
    "  <, >             one hour back, on",
    "  Home, End        first, last sample",
    "  k                the sample before the next OOM kill",
    "  m                the sample at the next mark",
    "  Up, Down         scroll the processes",
    "  /                show only processes whose name, pid or command line",
    "                   holds a text; Enter keeps it, Esc shows all again",
    "  K                threads of the kernel, too",
    "  (ANON/h: growth; ^ without a pause. OOM: 1 is killed next. Stall: PSI)",
    "  q                quit",
    "Sort by (again: the other way round)",
)
Where = tuple[str, str]


class Top:
    """One recording, where one is in it, and how it is shown."""

    def __init__(self, replay: Replay, title: str, screen: Screen, wish: Wish, live: bool = False) -> None:
        self.screen = screen
        self.wish = replace(wish, title=title)
        self.live = live
        self.following = live  # the newest sample is shown, whatever comes
        self.typing = False
        self.helping = False
        self.said = ""  # one line, until the next key
        self.page = 1  # processes that were shown last
        self.above: list[Line] = []  # what stands over everything else
        self.replace(replay)

    def replace(self, replay: Replay) -> None:
        """A recording that goes on was read again."""
        self.replay = replay
        self.snapshots = Snapshots(replay.recording)
        self.courses: dict[int, Courses] = {}

    def refresh(self, recording: Recording) -> None:
        """The same one, a little longer: stay at the newest sample, or where one is."""
        replay = Replay(recording)
        if not self.following:
            here = self.replay.instant
            place = [n for n, (boot, at) in enumerate(replay.line) if (boot, at) <= (here.boot, here.at_ms)]
            replay.place = place[-1] if place else 0
        self.replace(replay)

    def press(self, key: str) -> bool:
        """Do what a key is for. False: it was the last one."""
        self.said = ""
        if self.typing:
            self._type(key)
            return True
        if self.helping:
            self.helping = False
            return key != "q"
        if key == "q":
            return False
        moved = self._move(key)
        if moved:
            self.following = self.live and self.replay.at_end
        elif key in ("up", "down"):
            self._scroll(-1 if key == "up" else 1)
        elif key == "/":
            self.typing = True
        elif key == "esc":
            self.wish = replace(self.wish, needle="", offset=0)
        elif key == "K":
            self.wish = replace(self.wish, kernel=not self.wish.kernel, offset=0)
        elif key == "?":
            self.helping = True
        elif key in BY_KEY:
            again = BY_KEY[key].name == self.wish.sort
            self.wish = replace(self.wish, sort=BY_KEY[key].name, turned=again and not self.wish.turned, offset=0)
        return True

    def _move(self, key: str) -> bool:
        """Through time. False: the key is none for that."""
        replay, before = self.replay, self.replay.place
        steps = {"left": -1, "right": 1}
        jumps = {"pgup": -MINUTE_MS, "pgdn": MINUTE_MS, "<": -HOUR_MS, ">": HOUR_MS}
        if key in steps:
            replay.step(steps[key])
        elif key in jumps:
            replay.jump(jumps[key])
        elif key == "home":
            replay.first()
        elif key == "end":
            replay.last()
        elif key == "k":
            if not replay.next_kill():
                self.said = "no OOM kill was recorded"
        elif key == "m":
            if not replay.next_mark():
                self.said = "no mark was recorded (lastgasp-agent mark TEXT sets one)"
        else:
            return False
        if replay.place == before and not self.said:
            self.said = (
                "this is the last sample" if replay.at_end and key in ("right", "pgdn", ">", "end") else self.said
            )
        return True

    def _scroll(self, rows: int) -> None:
        shown = len(select(self.snapshots.at(self.replay.instant).tasks, self.wish, self.screen))
        most = max(shown - self.page, 0)
        self.wish = replace(self.wish, offset=min(max(self.wish.offset + rows, 0), most))

    def _type(self, key: str) -> None:
        needle = self.wish.needle
        if key == "enter":
            self.typing = False
        elif key == "esc":
            self.typing, needle = False, ""
        elif key == "backspace":
            needle = needle[:-1]
        elif len(key) == 1 and key.isprintable():
            needle += key
        self.wish = replace(self.wish, needle=needle, offset=0)

    # -- what is shown ---------------------------------------------------------------------------------

    def draw(self, width: int, height: int) -> list[Line]:
        """The whole screen: ``height`` lines."""
        if self.helping:
            return self._help(width, height)
        found = self._lines(width, max(height - 1 - len(self.above), 1))
        titles = next(place for place, line in enumerate(found) if line == ("", "")) + 1
        self.page = max(len(found) - titles - 1, 1)
        found = found[: max(height - 1, 0)]
        found += [("", "")] * (height - 1 - len(found))
        return [*found, self._foot(width)]

    def whole(self, width: int, rows: int | None = None) -> list[Line]:
        """The instant with all its processes, or so many, however many lines that takes."""
        found = self._lines(width, 0)
        titles = next(place for place, line in enumerate(found) if line == ("", "")) + 2
        return found if rows is None else found[: titles + max(rows, 0)]

    def _lines(self, width: int, height: int) -> list[Line]:
        instant = self.replay.instant
        if instant.boot not in self.courses:
            boot = self.replay.recording.boots[instant.boot]
            kills = [at for index, at in self.replay.kills if index == instant.boot]
            marks = [at for index, at in self.replay.marks if index == instant.boot]
            self.courses[instant.boot] = Courses(boot, kills, marks)
        cells = min(max(width - LABEL - COURSE_SPACE, 10), COURSE_WIDEST)
        course = self.courses[instant.boot].at(instant.at_ms, cells)
        above = [(self.screen.fit(text, width).rstrip(), role) for text, role in self.above]
        return above + lines(self.snapshots.at(instant), self.wish, course, self.screen, width, height)

    def _foot(self, width: int) -> Line:
        if self.typing:
            return self.screen.fit(f"filter: {self.screen.text(self.wish.needle)}_", width).rstrip(), "head"
        state = "LIVE  " if self.following else "live: End follows  " if self.live else ""
        hint = state + (HINT if self.screen.unicode else HINT_ASCII)
        return self.screen.fit(self.said or hint, width).rstrip(), "bad" if self.said else "dim"

    def _help(self, width: int, height: int) -> list[Line]:
        sorts = [f"  {column.key}  {column.name}" for column in COLUMNS]
        half = (len(sorts) + 1) // 2
        pairs = [f"{left:20}{right}" for left, right in zip(sorts[:half], [*sorts[half:], ""], strict=False)]
        told = [*HELP, *pairs][: max(height - 1, 0)]
        told += [""] * (height - 1 - len(told))
        return [(self.screen.fit(line, width).rstrip(), "") for line in [*told, "any key: back"]]

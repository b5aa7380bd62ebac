"""What is exported: tables with named columns, and their rows one after another.

``Exported`` joins any number of recordings; a boot has one number over all of them. Its tables are those that describe
(recordings, boots, processes, events, oom_kills, gaps, kernel_log, samples) and one for each table of the ring. Rows of
a boot come in the order of time. As in the ring, a row is there when something in it changed, and holds until the next
one with the same key, or until what it tells of is gone; a row that says what the one before said is left out. With
``every_ms`` not all samples are exported (``thin``).

None is absent or unknown. Text is visible text (``report.visible``): whatever a device calls its processes, no row
holds a control character or a byte that is no UTF-8. Nothing is gathered: memory beside the recordings themselves is
one number for each process, and the row in hand.
"""

from __future__ import annotations

from lastgasp.report.export.boots import numbered
from lastgasp.report.export.columns import KNOWN, Layout, layout_of
from lastgasp.report.export.described import Described
from lastgasp.report.export.happened import Happened, happened
from lastgasp.report.export.measured import table_of
from lastgasp.report.export.table import Table
from lastgasp.timeline.model import Recording


class Exported:
    """Recordings as tables."""

    def __init__(self, recordings: list[Recording], every_ms: int | None = None) -> None:
        self.recordings = recordings
        self.boots = numbered(recordings, every_ms)

    def tables(self) -> list[Table]:
        """All of them: first those that describe."""
        described = Described(self.recordings, self.boots)
        return [*described.tables(), *(table_of(self.boots, layout) for layout in self.layouts())]

    def happened(self) -> list[Happened]:
        """Events, OOM kills while it was recorded, and gaps, in the order of time."""
        return happened(self.recordings, self.boots)

    def layouts(self) -> list[Layout]:
        """What was recorded, known tables first (recorded or not), each with all columns that it has in any boot."""
        recorded: dict[str, set[bytes]] = {layout.source: set() for layout in KNOWN}
        for booted in self.boots:
            for source, rows in booted.boot.tables.items():
                columns = recorded.setdefault(source.decode("utf-8", "replace"), set())
                for all_series in rows.values():
                    for series in all_series:
                        columns.update(series.columns)
        return [layout_of(source, columns) for source, columns in recorded.items()]

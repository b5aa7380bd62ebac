"""``lastgasp export``: recordings in the formats of other tools."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, TextIO

from lastgasp.cli.inputs import HELP, STATUS, Inputs
from lastgasp.report import units
from lastgasp.report.export import flat, openmetrics, perfetto, sqlite
from lastgasp.report.export.rows import Exported
from lastgasp.report.export.table import Table
from lastgasp.report.export.target import ExportError, new_file, new_folder

if TYPE_CHECKING:
    from argparse import _SubParsersAction

__all__ = ["EXAMPLES", "STATUS", "add", "run"]
FORMATS = ("csv", "jsonl", "sqlite", "openmetrics", "perfetto")
PROGRESS_FIELD = 79
LONGEST_MS = 30 * 24 * 3_600_000
EXAMPLES = """\
formats (tables, columns and units: report/export/FORMATS.md):
  csv          a folder with a file for each table; or one table (--table)
  jsonl        one object a row, with its table's name; or some tables (--table)
  sqlite       a database: the same tables, with views
  openmetrics  text for promtool tsdb create-blocks-from openmetrics
  perfetto     a trace for https://ui.perfetto.dev (open it there; it stays in
               your browser)

three questions to the database:
  who grew most:
    SELECT pid, name, grown_bytes, per_hour_bytes FROM process_growth
    ORDER BY grown_bytes DESC LIMIT 10;
  what lived when the first process was killed, the largest first:
    SELECT pid, name, anon_bytes, oom_score_adj FROM top_at
    WHERE (boot, uptime_ms) = (SELECT boot, sampled_uptime_ms
      FROM memory_at_kill ORDER BY boot, uptime_ms LIMIT 1)
    ORDER BY anon_bytes DESC;
  least memory available in each hour:
    SELECT boot, uptime_ms / 3600000 AS hour, min(available_bytes)
    FROM memory GROUP BY 1, 2;

examples:
  lastgasp export ring.lgr --to sqlite -o ring.db && sqlite3 ring.db
  lastgasp export ring.lgr --to csv -o tables/
  lastgasp export ring.lgr --to csv --table meminfo > meminfo.csv
  lastgasp export pulled/ --to jsonl | jq 'select(.table == "oom_kills")'
  lastgasp export ring.lgr --to openmetrics --every 60 -o ring.om &&
    promtool tsdb create-blocks-from openmetrics ring.om prometheus-data/
  lastgasp export ring.lgr --to perfetto -o ring.pftrace
"""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = commands.add_parser(
        "export",
        help="recordings as CSV, JSON Lines, SQLite, OpenMetrics, Perfetto",
        description="Write what was recorded in the format of another tool. Everything is exported as it was recorded:"
        " a row is there when something changed, and holds until the next. Absent is empty, never 0.",
    )
    parser.add_argument("paths", nargs="+", metavar="RING", help=HELP)
    parser.add_argument("--to", choices=FORMATS, required=True, help="see below")
    parser.add_argument(
        "-o",
        dest="output",
        metavar="FILE",
        help="of csv: a folder, or with --table a file; - for standard output",
    )
    parser.add_argument(
        "--table", action="append", default=[], metavar="NAME", help="only this table (csv, jsonl); '?' lists them"
    )
    parser.add_argument(
        "--every",
        type=_seconds,
        metavar="SECONDS",
        help="one sample in so long, and the last before each kill and gap: a smaller export, without what rose and"
        " fell in between",
    )
    parser.add_argument("--force", action="store_true", help="replace what is there already")
    parser.set_defaults(run=run)
    return parser


def _seconds(text: str) -> int:
    """In milliseconds."""
    try:
        ms = round(float(text) * 1000)
    except (ValueError, OverflowError):
        ms = 0
    if not 0 < ms <= LONGEST_MS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0 and up to {LONGEST_MS // 1000}")
    return ms


def run(options: argparse.Namespace) -> int:
    """Export. Raises LoadError, ExportError."""
    if options.output == "-":
        options.output = None  # standard output, as everywhere
    _agree(options)
    inputs = Inputs(options.paths)
    exported = Exported(list(inputs.recordings()), options.every)
    progress = _Progress(sys.stderr if sys.stderr is not None and sys.stderr.isatty() else None)
    if options.table == ["?"]:
        sys.stdout.write("".join(f"{table.name}\n" for table in exported.tables()))
        return inputs.status()
    try:
        if options.to in ("csv", "jsonl"):
            _flat(options, _chosen(exported, options.table), progress)
        elif options.to == "sqlite":
            with new_file(options.output, options.force) as path:
                sqlite.write(exported.tables(), path, progress)
        else:
            _stream(options, exported, progress)
    finally:
        progress.end()
    return inputs.status()


def _agree(options: argparse.Namespace) -> None:
    """What does not go together is said before a recording is read. Raises ExportError."""
    if options.table and options.to not in ("csv", "jsonl"):
        raise ExportError(f"--table is for csv and jsonl: {options.to} holds all of them")
    if options.table == ["?"]:
        return
    if options.to == "csv" and len(options.table) > 1:
        raise ExportError("--table: one table at a time makes a CSV file; without it -o FOLDER gets all of them")
    if options.to == "csv" and not options.table and options.output is None:
        raise ExportError(
            "csv has a file for each table: name a folder with -o, or one table with --table ('?' lists them)"
        )
    if options.to == "sqlite" and options.output is None:
        raise ExportError("a database is a file: name it with -o")
    if options.to == "perfetto" and options.output is None and sys.stdout.isatty():
        raise ExportError("a trace is no text: name a file with -o, or redirect it")


def _chosen(exported: Exported, names: Sequence[str]) -> list[Table]:
    tables = exported.tables()
    for name in names:
        if name not in [table.name for table in tables]:
            raise ExportError(f"no table is called {name!r}; --table '?' lists them")
    return [table for table in tables if not names or table.name in names]


def _flat(options: argparse.Namespace, tables: list[Table], progress: flat.Progress) -> None:
    if options.to == "csv" and not options.table:
        with new_folder(options.output, options.force) as folder:
            flat.write_csv_folder(tables, folder, progress)
        return
    with ExitStack() as stack:
        out = _text_file(stack, options)
        if options.to == "csv":
            flat.write_csv(tables[0], out, progress)
        else:
            flat.write_jsonl(tables, out, progress)


def _stream(options: argparse.Namespace, exported: Exported, progress: flat.Progress) -> None:
    with ExitStack() as stack:
        if options.to == "openmetrics":
            _warn_of_clocks(exported)
            openmetrics.write(exported, _text_file(stack, options), progress)
        elif options.output is None:
            perfetto.write(exported, sys.stdout.buffer, progress)
        else:
            path = stack.enter_context(new_file(options.output, options.force))
            perfetto.write(exported, stack.enter_context(open(path, "wb")), progress)


def _text_file(stack: ExitStack, options: argparse.Namespace) -> TextIO:
    """Where text goes, always as UTF-8."""
    if options.output is None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        return sys.stdout
    path = stack.enter_context(new_file(options.output, options.force))
    return stack.enter_context(open(path, "w", encoding="utf-8", newline=""))


def _warn_of_clocks(exported: Exported) -> None:
    without = openmetrics.unset(exported)
    if without:
        boots = units.count(len(exported.boots), "boot")
        sys.stderr.write(
            f"lastgasp: warning: the clock was never set in {without} of {boots}: what was recorded there lies in"
            " January 1970, at its uptime; query for that time, or record again with a clock\n"
        )


class _Progress:
    """A line on a terminal, as long as it goes on."""

    def __init__(self, terminal: TextIO | None) -> None:
        self.terminal = terminal

    def __call__(self, table: str, number: int) -> None:
        if self.terminal is not None:
            self.terminal.write(f"\r{f'{table}: {number:,} rows':{PROGRESS_FIELD}}")
            self.terminal.flush()

    def end(self) -> None:
        """Take it away."""
        if self.terminal is not None:
            self.terminal.write(f"\r{'':{PROGRESS_FIELD}}\r")

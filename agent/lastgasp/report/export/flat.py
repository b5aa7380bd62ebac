"""Tables as text: CSV (RFC 4180, one table a file) and JSON Lines (an object a row, with its table's name).

Absent is an empty cell, or no field. No cell can be taken for a formula by a spreadsheet: where a text begins with one
of = + - @ that character is written as ``\\x3d`` and so on, which is how everything that is not plain is written here.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable
from typing import TextIO

from lastgasp.report.export.table import Table, Value

FORMULA = ("=", "+", "-", "@")
Progress = Callable[[str, int], None]  # told of a table's name and how many of its rows are written, now and then
TOLD = 10_000  # rows


def write_csv_folder(tables: Iterable[Table], folder: str, progress: Progress) -> None:
    """A file for each table that has rows."""
    for table in tables:
        path = os.path.join(folder, f"{table.name}.csv")
        with open(path, "w", encoding="utf-8", newline="") as file:
            written = write_csv(table, file, progress)
        if not written:
            os.unlink(path)


def write_csv(table: Table, out: TextIO, progress: Progress) -> int:
    """A line with the names, then the rows. Returns how many."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([field.name for field in table.fields])
    number = 0
    for number, row in enumerate(table.rows(), 1):
        writer.writerow([_cell(value) if isinstance(value, str) else value for value in row])
        if not number % TOLD:
            progress(table.name, number)
    return number


def _cell(text: str) -> str:
    return f"\\x{ord(text[0]):02x}{text[1:]}" if text.startswith(FORMULA) else text


def write_jsonl(tables: Iterable[Table], out: TextIO, progress: Progress) -> None:
    """All rows of a table, then those of the next."""
    for table in tables:
        names = [field.name for field in table.fields]
        begin = f'{{"table":{json.dumps(table.name)},'
        for number, row in enumerate(table.rows(), 1):
            known: dict[str, Value] = {name: value for name, value in zip(names, row, strict=True) if value is not None}
            out.write(begin + json.dumps(known, separators=(",", ":"))[1:] + "\n")
            if not number % TOLD:
                progress(table.name, number)

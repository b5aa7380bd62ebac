"""Tables as an SQLite database, with views that answer what is asked most; FORMATS.md explains them.

Columns that follow from others (utc, pid, name) are in the views only: they would make the file twice as large.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice

from lastgasp.report.export.flat import Progress
from lastgasp.report.export.table import Row, Table
from lastgasp.report.export.target import ExportError

SCHEMA_VERSION = 1  # PRAGMA user_version
APPLICATION_ID = 0x4C476173  # "LGas"
BATCH = 10_000
VIEWS = """
CREATE VIEW memory AS
SELECT m.boot, m.uptime_ms, utc(m) AS utc,
    (SELECT t.MemTotal_bytes FROM meminfo_slow t WHERE t.boot = m.boot AND t.uptime_ms <= m.uptime_ms
     ORDER BY t.uptime_ms DESC LIMIT 1) AS total_bytes,
    m.MemAvailable_bytes AS available_bytes, m.MemFree_bytes AS free_bytes, m.AnonPages_bytes AS anon_bytes,
    m.Buffers_bytes + m.Cached_bytes - m.Shmem_bytes AS file_cache_bytes, m.Shmem_bytes AS shmem_bytes,
    m.SReclaimable_bytes AS slab_reclaimable_bytes, m.SUnreclaim_bytes AS slab_unreclaimable_bytes,
    m.KernelStack_bytes AS kernel_stack_bytes, m.PageTables_bytes AS page_tables_bytes,
    m.SwapFree_bytes AS swap_free_bytes
FROM meminfo m;

CREATE VIEW process_memory AS
SELECT s.boot, s.uptime_ms, utc(s) AS utc, s.process, p.pid, p.name, s.rss_bytes, s.anon_bytes, s.shared_bytes
FROM process_samples s JOIN processes p ON p.process = s.process;

CREATE VIEW process_growth AS
SELECT *, CASE WHEN seen_ms > 0 THEN CAST(grown_bytes * 3600000.0 / seen_ms AS INTEGER) END AS per_hour_bytes
FROM (
    SELECT process, boot, pid, name, program, parting, seen_ms, first_bytes, last_bytes, peak_bytes,
        last_bytes - first_bytes AS grown_bytes
    FROM (
        SELECT p.*,
            COALESCE(p.until_uptime_ms, (SELECT max(s.uptime_ms) FROM samples s WHERE s.boot = p.boot))
                - p.from_uptime_ms AS seen_ms,
            (SELECT s.anon_bytes FROM process_samples s WHERE s.process = p.process AND s.anon_bytes IS NOT NULL
                ORDER BY s.uptime_ms LIMIT 1) AS first_bytes,
            (SELECT s.anon_bytes FROM process_samples s WHERE s.process = p.process AND s.anon_bytes IS NOT NULL
                AND s.vsize_bytes > 0 AND s.state NOT IN ('Z', 'X') ORDER BY s.uptime_ms DESC LIMIT 1) AS last_bytes,
            (SELECT max(s.anon_bytes) FROM process_samples s WHERE s.process = p.process) AS peak_bytes
        FROM processes p WHERE NOT p.kernel_thread
    )
);

CREATE VIEW top_at AS
SELECT a.boot, a.uptime_ms, utc(a) AS utc, s.process, p.pid, p.name, p.command_line, s.uptime_ms AS since_uptime_ms,
    s.rss_bytes, s.anon_bytes, s.shared_bytes, s.threads, s.state,
    (SELECT d.VmSwap_bytes FROM process_details d WHERE d.process = p.process AND d.uptime_ms <= a.uptime_ms
     ORDER BY d.uptime_ms DESC LIMIT 1) AS swap_bytes,
    (SELECT d.oom_score_adj FROM process_details d WHERE d.process = p.process AND d.uptime_ms <= a.uptime_ms
     ORDER BY d.uptime_ms DESC LIMIT 1) AS oom_score_adj
FROM samples a
JOIN processes p ON p.boot = a.boot AND p.from_uptime_ms <= a.uptime_ms
    AND (p.until_uptime_ms IS NULL OR a.uptime_ms < p.until_uptime_ms)
JOIN process_samples s ON s.process = p.process AND s.uptime_ms = (
    SELECT max(l.uptime_ms) FROM process_samples l WHERE l.process = p.process AND l.uptime_ms <= a.uptime_ms);

CREATE VIEW memory_at_kill AS
SELECT k.boot, k.uptime_ms, utc(k) AS utc, k.victim_pid, k.victim, k.oom_constraint, k.group_path,
    k.anon_bytes AS victim_anon_bytes, m.uptime_ms AS sampled_uptime_ms, m.MemAvailable_bytes AS available_bytes,
    m.MemFree_bytes AS free_bytes, m.AnonPages_bytes AS anon_bytes, m.Shmem_bytes AS shmem_bytes,
    m.SUnreclaim_bytes AS slab_unreclaimable_bytes, m.SwapFree_bytes AS swap_free_bytes
FROM oom_kills k
LEFT JOIN meminfo m ON m.boot = k.boot AND m.uptime_ms = (
    SELECT max(l.uptime_ms) FROM meminfo l WHERE l.boot = k.boot AND l.uptime_ms < k.uptime_ms)
WHERE NOT k.before_recording;

CREATE VIEW what_happened AS
SELECT e.boot, e.uptime_ms, utc(e) AS utc, e.kind, e.text FROM events e
UNION ALL SELECT k.boot, k.uptime_ms, utc(k), 'oom_kill', k.victim || ' (pid ' || k.victim_pid || ')' FROM oom_kills k
    WHERE NOT k.before_recording
UNION ALL SELECT g.boot, g.from_uptime_ms, NULL, 'gap', (g.to_uptime_ms - g.from_uptime_ms) || ' ms' FROM gaps g
ORDER BY 1, 2;
"""
UTC = (
    "strftime('%Y-%m-%dT%H:%M:%fZ', ({0}.uptime_ms + (SELECT b.clock_offset_ms FROM boots b WHERE b.boot = {0}.boot))"
    " / 1000.0, 'unixepoch')"
)


def write(tables: Iterable[Table], path: str, progress: Progress) -> None:
    """A new database at a path where nothing is. Raises ExportError."""
    try:
        database = sqlite3.connect(path, isolation_level=None)
        try:
            database.execute("PRAGMA page_size = 8192")
            database.execute("PRAGMA journal_mode = OFF")  # the file is moved into place when it is whole
            database.execute("PRAGMA synchronous = OFF")
            database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute("BEGIN")
            for table in tables:
                _fill(database, table, progress)
            database.execute("CREATE INDEX processes_by_boot ON processes (boot, from_uptime_ms)")
            for statement in _views():
                database.execute(statement)
            database.execute("COMMIT")
            database.execute("ANALYZE")
        finally:
            database.close()
    except sqlite3.Error as error:
        raise ExportError(f"the database cannot be written: {error}") from None


def _views() -> Iterator[str]:
    for statement in VIEWS.split(";\n"):
        if statement.strip():
            yield re.sub(r"utc\((\w)\)", lambda match: UTC.format(match[1]), statement)


def _fill(database: sqlite3.Connection, table: Table, progress: Progress) -> None:
    places = [number for number, field in enumerate(table.fields) if not field.repeated]
    fields = [table.fields[number] for number in places]
    columns = [f'"{field.name}" {field.kind}' + (" NOT NULL" if field.name in table.key else "") for field in fields]
    if table.key:
        columns.append(f"PRIMARY KEY ({', '.join(table.key)})")
    # One INTEGER as the key is the row's own number; longer keys are the order in which rows are kept.
    kept = " WITHOUT ROWID" if len(table.key) > 1 else ""
    database.execute(f'CREATE TABLE "{table.name}" ({", ".join(columns)}){kept}')
    insert = f'INSERT OR REPLACE INTO "{table.name}" VALUES ({", ".join("?" * len(fields))})'
    rows = table.rows()
    written = 0
    while batch := list(islice(rows, BATCH)):
        database.executemany(insert, [_chosen(row, places) for row in batch])
        written += len(batch)
        progress(table.name, written)


def _chosen(row: Row, places: list[int]) -> Row:
    return tuple([row[number] for number in places])

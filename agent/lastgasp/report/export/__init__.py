"""Recordings in other tools' formats; FORMATS.md explains tables, columns and units."""

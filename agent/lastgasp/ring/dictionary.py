"""Preset deflate dictionary 1: text that nearly every block repeats. Part of the format: never change it."""

DICTIONARY = b""

"""Recordings off a device: over SSH, over a serial console, or out of a flash image.

Data flows one way::

    wires/ (bytes) -> console/ (a shell that answers checked lines) -> device, plain (blocks) -> session -> store

``target`` says which wire a name on the command line means. ``device`` asks ``lastgasp-agent`` for frames, ``plain``
does without it, with what busybox has. ``session`` asks for what is missing until nothing is, and ``store`` keeps one
recording a ring, one folder a device. ``image`` finds rings in flash dumps. For a live view ``streaming`` asks the
agent for samples as it takes them, and ``follow`` makes a recording of them that grows. Nothing here prints.
"""


class PullError(Exception):
    """It could not be done; str() is the line to show: what, and what to do about it."""

    kept = 0  # blocks that came before that, and are kept


class PullUsage(PullError):
    """It was asked for in a way that makes no sense."""

"""Recordings off a device: over SSH, over a serial console, or out of a flash image.

Data flows one way::

    wires/ (bytes) -> console/ (a shell, checked lines) -> from_agent, plain (blocks) -> session -> store

``target`` says which wire a name on the command line means. ``identity`` asks who is there, ``from_agent`` asks
``lastgasp-agent`` for frames, ``plain`` does without it, with what busybox has (``listing``: which blocks there are).
``session`` goes on until nothing is missing, and ``store`` keeps a folder a device, ``kept`` a file a ring.
``streaming`` and ``follow`` are for samples as they are taken; ``image`` finds rings in flash dumps. Nothing here
prints.
"""


class PullError(Exception):
    """It could not be done; str() is the line to show: what, and what to do about it."""

    kept = 0  # blocks that came before that, and are kept


class PullUsage(PullError):
    """It was asked for in a way that makes no sense."""

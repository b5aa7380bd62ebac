"""Whom the kernel would kill at an instant of a recording, and how close it is."""

"""Commands for devices that are somewhere else: ``pull``, what it keeps (``ls``, ``prune``), and ``live``."""

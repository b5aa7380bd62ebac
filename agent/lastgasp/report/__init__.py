"""Facts into words: the terminal report, and the same as JSON."""

"""A kill explained, in words, pictures and JSON."""

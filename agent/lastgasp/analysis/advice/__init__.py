"""Which settings would have helped, and which would only delay."""

"""How sure it is that somebody leaks, in the words of every page."""

from __future__ import annotations

from lastgasp.analysis.shape.verdict import Confidence

DOES = {Confidence.LOW: "may leak", Confidence.MEDIUM: "probably leaks", Confidence.HIGH: "leaks"}
SURE = {Confidence.LOW: "uncertain", Confidence.MEDIUM: "likely", Confidence.HIGH: "sure"}

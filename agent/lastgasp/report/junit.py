"""Checked budgets as a JUnit file that GitLab, GitHub's actions and Jenkins show.

Nobody owns this format. What is written keeps to what all of them read: ``testsuites`` of ``testsuite``s (one for each
recording) with ``tests``, ``failures``, ``errors`` and ``skipped``; in a ``testcase`` at most one of ``failure`` (a
limit is broken), ``error`` (it could not be checked) and ``skipped`` (the same when that is allowed, or when it does
not apply). GitLab shows the element's text and not its ``message``, so the text says all; it takes ``classname`` for
the suite and drops the second of two cases of the same names, so these are made different. Jenkins takes the last dot
in ``classname`` for the end of a package, so there is but one. Names stay the same from build to build (no figures in
them), so that GitLab can tell what is new.

XML 1.0 has no control characters, not even escaped ones: all foreign text goes through ``visible``.
"""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

from lastgasp.analysis.budget.judge import Check, Outcome, Result
from lastgasp.report import units
from lastgasp.report.check import Checked, sentence, subject, why
from lastgasp.report.visible import visible

PACKAGE = "lastgasp"


def render(checked: Checked, budget: str) -> bytes:
    """The file, UTF-8. ``budget``: the name of the file with the limits."""
    root = ElementTree.Element("testsuites", name="lastgasp check")
    classes: Counter[str] = Counter()
    for result in checked.results:
        _suite(root, result, _distinct(classes, _class(result.facts.file)), budget, checked.allow_unchecked)
    for path, line in checked.unreadable:
        suite = _begin(root, path)
        case = ElementTree.SubElement(
            suite, "testcase", name="recording", classname=_distinct(classes, _class(path)), time="0"
        )
        _outcome(case, "error", "could not be read", visible(line))
        _count(suite)
    _count(root)
    ElementTree.indent(root, " ")
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _suite(root: ElementTree.Element, result: Result, classname: str, budget: str, allow_unchecked: bool) -> None:
    suite = _begin(root, result.facts.file)
    facts = result.facts
    if facts.span.last.wall_ns is not None:
        suite.set("timestamp", units.utc(facts.span.last.wall_ns).replace(" ", "T"))
    if facts.machine.host:
        suite.set("hostname", visible(facts.machine.host))
    properties = ElementTree.SubElement(suite, "properties")
    known = {
        "budget": visible(budget),
        "recorded_s": str(result.seen_ms // 1000),
        "firmware": visible(facts.machine.system or b"unknown"),
        "kernel": visible(facts.machine.kernel or b"unknown"),
    }
    for name, value in known.items():
        ElementTree.SubElement(properties, "property", name=name, value=value)
    names: Counter[str] = Counter()
    for check in result.checks:
        name = _distinct(names, f"{subject(check, visible)} {check.rule}")
        case = ElementTree.SubElement(suite, "testcase", name=name, classname=classname, time="0")
        _result(case, check, result, allow_unchecked)
    _count(suite)


def _result(case: ElementTree.Element, check: Check, result: Result, allow_unchecked: bool) -> None:
    said = sentence(check, visible)
    if check.outcome is Outcome.BROKEN:
        at = check.at
        when = f"\nat {units.stamp(at)} (boot {at.boot})" if at is not None else ""
        _outcome(case, "failure", said, f"{said}{when}\nin {visible(result.facts.file)}")
    elif check.outcome is Outcome.UNCHECKED:
        text = f"{said}: not checked: {why(check, result)}"
        _outcome(case, "skipped" if allow_unchecked else "error", text, text)
    elif check.outcome is Outcome.UNUSED:
        _outcome(case, "skipped", "does not apply", f"{said}: does not apply to this recording")
    else:
        ElementTree.SubElement(case, "system-out").text = said


def _outcome(case: ElementTree.Element, tag: str, message: str, text: str) -> None:
    element = ElementTree.SubElement(case, tag, message=message)
    if tag != "skipped":
        element.set("type", "budget" if tag == "failure" else "unchecked")
    element.text = text


def _begin(root: ElementTree.Element, file: str) -> ElementTree.Element:
    return ElementTree.SubElement(root, "testsuite", name=visible(file))


def _count(element: ElementTree.Element) -> None:
    """The counters that every reader wants at the head."""
    cases = element.findall(".//testcase")
    element.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        if attribute != "skipped" or element.tag == "testsuite":
            element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    element.set("time", "0")


def _class(file: str) -> str:
    """A file's name as a class in a package: one dot."""
    return f"{PACKAGE}.{visible(file).replace('.', '_')}"


def _distinct(seen: Counter[str], name: str) -> str:
    seen[name] += 1
    return name if seen[name] == 1 else f"{name} ({seen[name]})"

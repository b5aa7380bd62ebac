"""The charts' frames: captions, what they are called, what they do not know. The scripts draw into them."""

from __future__ import annotations

from lastgasp.analysis.facts import Facts
from lastgasp.report import units
from lastgasp.report.html.cells import size
from lastgasp.report.html.markup import Markup, tag

HANDS = (
    "Mouse: drag moves, Ctrl and the wheel (or the wheel alone after a click) zooms, Shift and drag chooses a stretch,"
    " hovering reads values. Fingers: drag moves, pinching zooms, a tap reads values. A click on a line or a flag opens"
    " what it stands for."
)
KEYS = "Keys, on a chart: arrow keys move in time, + and - zoom, 0 shows all, Shift with an arrow reads the next value."
METRICS = {
    "rss": ("RSS", "resident memory, shared pages counted in each process that maps them"),
    "anon": ("Anonymous", "resident memory without files and shared memory: what only the process can give back"),
    "uss": ("USS", "private dirty memory, where mappings were read: held by no other process"),
    "pss": ("PSS", "where mappings were read: private memory and a fair part of what is shared"),
    "swap": ("Swap", "what of it lies in swap"),
}
TOOLS = (
    ("back", "◀", "Earlier"),
    ("forward", "▶", "Later"),
    ("in", "+", "Zoom in"),
    ("out", "−", "Zoom out"),
    ("all", "All", "Show the whole recording"),
)


def section(facts: Facts, data: dict[str, object], prefix: str) -> Markup:
    """Every chart for which there is data, with the tools that they share."""
    figures = []
    memory = data["memory"]
    if isinstance(memory, dict):
        figures.append(_figure(prefix, "memory", "Memory, stacked up to MemTotal", _memory_note(memory)))
        figures.append(
            _figure(prefix, "free", "Free memory against the watermarks", _free_note(memory), "logarithmic scale")
        )
        if "swap" in memory["c"]:
            figures.append(_figure(prefix, "swap", "Swap used", []))
    else:
        figures.append(tag("p", "Memory over time is unknown: the recording has no meminfo.", class_="unknown"))
    if data["stalls"]:
        note = tag("p", "some: at least one task waited; full: all tasks that had something to do did.")
        figures.append(_figure(prefix, "stalls", "Stalls: share of the time that tasks waited (PSI)", [note]))
    else:
        figures.append(tag("p", "Stalls are unknown: this kernel has no PSI, or it is turned off.", class_="unknown"))
    processes = data["processes"]
    if isinstance(processes, dict) and processes["lives"]:
        figures.append(_processes(prefix, processes))
    else:
        figures.append(tag("p", "Processes are unknown: the recording has none.", class_="unknown"))
    boots = f" {len(facts.boots)} boots stand side by side; the time in between is cut out." if facts.boots[1:] else ""
    zone = "Times are UTC." if facts.span.last.wall_ns is not None else "The clock was never set: times are uptimes."
    return tag(
        "section",
        tag("h3", "Over time"),
        tag("noscript", tag("p", "The charts need a browser with JavaScript; all else on this page does not.")),
        tag(
            "div",
            tag(
                "div",
                [
                    tag("button", sign, type="button", data_do=name, aria_label=label, title=label)
                    for name, sign, label in TOOLS
                ],
                class_="tools",
                role="group",
                aria_label="Zoom and move all charts",
            ),
            tag("output", class_="range", aria_live="off"),
            class_="bar",
        ),
        tag("p", f"{zone}{boots}", class_="hint"),
        tag("details", tag("summary", "How to move, zoom and read"), tag("p", HANDS), tag("p", KEYS), class_="hint"),
        tag("p", KEYS, id=f"{prefix}keys", hidden=True),
        tag("div", class_="lane", role="group", aria_label="What happened, in the order of time"),
        figures,
        tag("p", class_="spoken", aria_live="polite"),
        class_="charts",
        aria_label="Charts over time",
    )


def _figure(prefix: str, name: str, title: str, notes: list[Markup], aside: str = "", *before: Markup) -> Markup:
    return tag(
        "figure",
        tag("figcaption", tag("span", title, id=f"{prefix}{name}-title"), tag("small", f" {aside}") if aside else None),
        before,
        tag(
            "div",
            class_="plot",
            tabindex=0,
            role="group",
            aria_roledescription="chart",
            aria_labelledby=f"{prefix}{name}-title",
            aria_describedby=f"{prefix}keys",
        ),
        tag("div", class_="legend"),
        notes,
        tag(
            "details",
            tag("summary", "These values as a table"),
            tag("div", class_="scroll", tabindex=0, role="group", aria_label=f"{title}: values"),
            class_="values",
        ),
        data_chart=name,
    )


def _memory_note(memory: dict[str, object]) -> list[Markup]:
    notes = []
    over = memory["over"]
    assert isinstance(over, dict)
    if over["moments"]:
        moments = units.count(over["moments"], "moment")
        notes.append(
            tag(
                "p",
                f"At {moments} the kernel's own numbers add up to more than MemTotal, by up to ",
                size(over["most"] * 1024),
                " (it counts one after another): there nothing is unexplained, and the stack reaches above the line.",
            )
        )
    absent = memory["absent"]
    assert isinstance(absent, list)
    if absent:
        notes.append(tag("p", f"Not told by this kernel, and so part of what is unexplained: {', '.join(absent)}."))
    parts = memory["c"]
    assert isinstance(parts, dict)
    if "dmabuf" in parts or "zram" in parts:
        notes.append(
            tag(
                "p",
                "zram and dma-buf are taken out of what is unexplained, and shown as no more than that: a dma-buf can"
                " be shared memory, too.",
            )
        )
    return notes


def _free_note(memory: dict[str, object]) -> list[Markup]:
    columns = memory["c"]
    assert isinstance(columns, dict)
    if "min" not in columns:
        return [tag("p", "The watermarks are unknown: zoneinfo was not recorded.", class_="unknown")]
    return [
        tag(
            "p",
            "Watermarks of all zones together. Below low the kernel reclaims in the background, below min every task"
            " that wants memory has to wait.",
        )
    ]


def _processes(prefix: str, processes: dict[str, object]) -> Markup:
    metrics, lives = processes["metrics"], processes["lives"]
    assert isinstance(metrics, list) and isinstance(lives, list)
    chosen = "anon" if "anon" in metrics else metrics[0] if metrics else "rss"
    buttons = [
        tag(
            "label",
            tag("input", type="radio", name=f"{prefix}metric", value=metric, checked=metric == chosen),
            tag("span", METRICS[metric][0]),
            title=METRICS[metric][1],
        )
        for metric in metrics
    ]
    toggle = tag("div", buttons, class_="toggle", role="radiogroup", aria_label="Which memory of the processes")
    said = [METRICS[metric][0] + ": " + METRICS[metric][1] for metric in metrics]
    notes = [tag("p", f"{'; '.join(said)}.")]
    notes.append(
        tag(
            "p",
            f"{units.count(len(lives), 'process', 'processes')} of {processes['total']}: the largest, those that grew,"
            f" and those that were killed. Mappings (USS, PSS) were read of {processes['read']} of them; of the others"
            " these are not known.",
        )
    )
    return _figure(prefix, "processes", "Processes", notes, "", toggle)

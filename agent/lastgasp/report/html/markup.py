"""HTML made of elements and text, in which text can only be text.

An element's content is strings, which are escaped, and ``Markup``, which only this module makes. Attribute values are
escaped as well; a name that is a word of Python ends in an underscore (``class_``), and other underscores stand for
hyphens (``data_chart``).
"""

from __future__ import annotations

import html

VOID = {"meta", "link", "input", "br"}


class Markup(str):
    """A piece of HTML that is complete and safe."""

    __slots__ = ()


def tag(name: str, /, *content: object, **attributes: str | int | bool | None) -> Markup:
    """An element. An attribute that is None or False is left out, one that is True has no value."""
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        parts.append(key if value is True else f'{key}="{html.escape(str(value))}"')
    opened = f"<{' '.join(parts)}>"
    return Markup(opened) if name in VOID else Markup(f"{opened}{join(content)}</{name}>")


def join(content: object) -> Markup:
    """Strings, markup and sequences of both, one after another; None is nothing."""
    if content is None:
        return Markup()
    if isinstance(content, Markup):
        return content
    if isinstance(content, str):
        return Markup(html.escape(content))
    if isinstance(content, (list, tuple)):
        return Markup("".join(join(part) for part in content))
    raise TypeError(f"{type(content).__name__} is neither text nor markup")


def trusted(text: str) -> Markup:
    """A file of this package, which needs no escaping. Never text from elsewhere."""
    return Markup(text)

"""HTML to plain text: what a reader would see, as one line a block.

Contract: `html_text` takes any text and never raises, in time that grows with its length. It follows the tokens of
the HTML standard (13.2.5) as far as they decide what is text: comments, declarations and tags go, also those that
the text ends in; scripts, styles and frames go with their content; character references are decoded, once. A block
element begins a new line, any other tag separates nothing (`news<b>paper</b>` is one word); white space is folded.

The standard library's parser is not used: in Python 3.11 it scans to the end again for each tag that is never closed,
so that 40 KB of `<a ` take it 15 seconds. (On what is well formed, tests hold this module to it.)

Not here: XML (`xml_tree.py`), choosing the article in a page (`indexer/readers/extraction.py`).
"""

import html
import re
from collections.abc import Iterator
from typing import Protocol

BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "details", "dialog"),
        *(
            "div",
            "dl",
            "dt",
            "fieldset",
            "figcaption",
            "figure",
            "footer",
            "form",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
        ),
        *(
            "head",
            "header",
            "hgroup",
            "hr",
            "html",
            "legend",
            "li",
            "main",
            "menu",
            "nav",
            "ol",
            "option",
            "p",
            "pre",
        ),
        *("section", "select", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "title", "tr", "ul"),
    )
)
"""Elements that stand on lines of their own."""
DROPPED = frozenset(("iframe", "noembed", "noframes", "script", "style"))
"""Elements whose content is not read. In HTML they hold no tags: each ends at its own end tag and nowhere else."""

_NAME = re.compile(r"/?([a-zA-Z][^\s/>]*)")
# To the end of a tag: a `>` inside a quoted value is none. Nothing is tried twice (possessive), but for a quote
# that is never closed, which is then no quote.
_TAG_END = re.compile(r"""(?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+'|))*+>""")
_RAW_END = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in DROPPED}
# Python's own decoder refuses numbers of more than 4,300 digits, with an error.
_ABSURD_REFERENCE = re.compile(r"&#(?:[0-9]{9,}|[xX][0-9a-fA-F]{9,});?")
_LINE_BREAK = "\n"


class Element(Protocol):
    """As much of an XML element as its text takes."""

    tag: str
    text: str | None
    tail: str | None

    def __iter__(self) -> Iterator["Element"]: ...


def html_text(markup: str) -> str:
    """The text of some HTML, in lines."""
    parts: list[str] = []
    at = 0
    while (start := markup.find("<", at)) >= 0:
        parts.append(_decoded(markup[at:start]))
        at = _skip(markup, start, parts)
    parts.append(_decoded(markup[at:]))
    return folded("".join(parts))


def one_line(markup: str) -> str:
    """The text of some HTML, such as a title's, on one line."""
    return html_text(markup).replace(_LINE_BREAK, " ")


def element_text(element: Element) -> str:
    """The text of an XHTML element, in lines, by the same rules."""
    parts: list[str] = []
    _collect(element, parts)
    return folded("".join(parts))


def folded(text: str) -> str:
    """White space folded: single spaces, single line breaks, none at the ends of lines."""
    lines = (" ".join(line.split()) for line in text.split(_LINE_BREAK))
    return _LINE_BREAK.join(line for line in lines if line)


def _skip(markup: str, start: int, parts: list[str]) -> int:
    """Where to read on after the `<` at `start`, having added what it stands for."""
    if markup.startswith("<!--", start):
        # `<!-->` and `<!--->` are whole comments.
        end = markup.find("-->", start + 2)
        return len(markup) if end < 0 else end + 3
    if markup.startswith(("<!", "<?"), start):
        end = markup.find(">", start)
        return len(markup) if end < 0 else end + 1
    name = _NAME.match(markup, start + 1)
    if name is None:
        if markup.startswith("</", start):
            end = markup.find(">", start)
            return len(markup) if end < 0 else end + 1
        parts.append("<")
        return start + 1
    tag_end = _TAG_END.match(markup, name.end())
    if tag_end is None:
        return len(markup)
    tag = name[1].lower()
    if tag in BLOCKS:
        parts.append(_LINE_BREAK)
    if tag in DROPPED and markup[start + 1] != "/":
        raw_end = _RAW_END[tag].search(markup, tag_end.end())
        return len(markup) if raw_end is None else raw_end.start()
    return tag_end.end()


def _decoded(text: str) -> str:
    """Text with its character references decoded; line breaks in the source are spaces."""
    if "&" in text:
        text = html.unescape(_ABSURD_REFERENCE.sub("\ufffd", text))
    return text.replace(_LINE_BREAK, " ")


def _collect(element: Element, parts: list[str]) -> None:
    """The texts in an element; its depth is bounded by who parsed it."""
    tag = element.tag.rpartition("}")[2].lower()
    if tag not in DROPPED:
        around = _LINE_BREAK if tag in BLOCKS else ""
        parts += (around, (element.text or "").replace(_LINE_BREAK, " "))
        for child in element:
            _collect(child, parts)
        parts.append(around)
    parts.append((element.tail or "").replace(_LINE_BREAK, " "))

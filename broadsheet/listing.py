"""What commands print for people: answers as a readable table, settings with their sources.

Contract: plain text when the output is not a terminal; marked words are shown in colour on one. Control characters
in articles never reach it.

Not here: JSON output, which is the API's own; the figures of the cache (`cache_report.py`).
"""

import html
import re
from typing import Any

from rich.console import Console
from rich.text import Text

from broadsheet.settings import SECRET, Resolved

_MARK = re.compile(r"<mark>(.*?)</mark>")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def print_answer(answer: dict[str, Any]) -> None:
    """One page of a search, as the API gave it."""
    console = Console(highlight=False)
    for rank, hit in enumerate(answer["data"], start=1):
        day = (hit["published_at"] or "undated")[:10]
        copies = (hit.get("copies") or {}).get("count", 0)
        said = f"and {copies:,} more" if copies else ""
        facts = (day, hit["section"], hit["source"], f"{hit['score']:.3f}", hit["id"], said)
        console.print(Text(f"{rank:>3}  ").append(safe(hit["title"]), style="bold"), soft_wrap=True)
        console.print(Text("     " + "  ".join(safe(fact) for fact in facts if fact), style="dim"), soft_wrap=True)
        if hit["snippet"]:
            console.print(Text("     ").append_text(_marked(hit["snippet"])), soft_wrap=True)
    for name, facet in answer["facets"].items():
        if facet["values"]:
            console.print(Text(name, style="bold").append("  ").append_text(_counted(facet)), soft_wrap=True)
    for note in answer["notes"]:
        console.print(
            f"note: {safe(note['detail'])} (character {note['position'] + 1})", soft_wrap=True, markup=False
        )
    if meant := answer["did_you_mean"]:
        console.print(
            f"did you mean: {safe(meant['q'])}  ({meant['total']:,} articles)", soft_wrap=True, markup=False
        )
    coverage = answer["coverage"]["partitions"]
    total = answer["total"]
    units = {"article": "articles", "story": "stories"}
    counted = f"{total['value']:,} {units[total['unit']]}" if total else f"{len(answer['data'])} articles"
    console.print(f"{counted}; {coverage['ok']} of {coverage['total']} partitions answered")


def _counted(facet: dict[str, Any]) -> Text:
    shown = [f"{safe(one['value'])} {one['count']:,}" for one in facet["values"]]
    other = facet["other"]
    if other["values"]:
        shown.append(f"{other['values']:,} others {other['count']:,}")
    return Text(" · ".join(shown))


def _marked(snippet: str) -> Text:
    text, at = Text(), 0
    for match in _MARK.finditer(snippet):
        text.append(_unescaped(snippet[at : match.start()]))
        text.append(_unescaped(match[1]), style="bold yellow")
        at = match.end()
    return text.append(_unescaped(snippet[at:]))


def _unescaped(text: str) -> str:
    return safe(html.unescape(text))


def safe(text: str) -> str:
    """The text, with spaces for what could command a terminal."""
    return _CONTROL.sub(" ", text)


def print_settings(resolved: Resolved) -> None:
    """Every setting, its value, and where it came from."""
    names = list(resolved.sources)
    width = max(map(len, names))
    for name in names:
        value = getattr(resolved.settings, name)
        shown = "(set, not shown)" if name in SECRET and value else repr(value)
        print(f"  {name:<{width}}  {shown:<22}  {resolved.sources[name]}")  # noqa: T201 - what the command is for

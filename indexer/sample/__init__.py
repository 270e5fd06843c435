"""Sample news: endless readable English articles, each a pure function of a seed and its number.

`generate` yields records as files of articles hold them. The people, organisations and events are invented; they
come back from article to article and never run out (`story.py` says how). A few per cent of the articles retell
an earlier one for another newspaper, lightly edited, under another headline; `story` is the id of the article
that was first: readers ignore it, and tests find the truth in it.

Contract: an article depends on the seed, its number and the mean length: not on how many are generated, nor on the
platform or the version of Python. Memory is constant. Dates do not decrease, but for a few late arrivals; there
are more articles on weekdays and in office hours, and the output doubles every 43 weeks: 5,000 articles are the
years 2015 to 2017, a million reach the end of 2023.

Reading order: `grammar.py` the notation and what all sections share; `affairs.py`, `discovery.py` and `leisure.py`
the sections; `words.py` and `names.py` the vocabulary; `drawing.py` chance; `telling.py` how a sentence is filled;
`story.py` one story; and here the newspaper around the stories.

Not here: files and the command line (`broadsheet/`).
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from typing import NamedTuple

from indexer.sample.drawing import Draw, draws
from indexer.sample.story import Story

__all__ = ["MIN_MEAN_WORDS", "generate"]

MIN_MEAN_WORDS = 60
"""The shortest mean length: an opening, a detail and a closing sentence."""

_FIRST_DAY = datetime(2015, 1, 5, tzinfo=UTC)
"""A Monday."""
_WEEKS_TO_DOUBLE = 43
_FIRST_BITS = 9
"""The first 2^9 articles take the weeks of one doubling, the next 2^9 the next, then 2^10, 2^11 and so on."""

_BY_WEEKDAY = (19, 20, 20, 20, 18, 8, 7)
_BY_HOUR = (2, 1, 1, 1, 2, 4, 7, 9, 10, 11, 11, 10, 9, 9, 10, 10, 10, 9, 8, 7, 6, 5, 4, 3)
_BY_HOUR_OF_WEEK = [day * hour for day in _BY_WEEKDAY for hour in _BY_HOUR]
_HOUR_STARTS = list(accumulate(_BY_HOUR_OF_WEEK, initial=0))

_LATE_PER_MILLE = 20
_MODIFIED_PER_MILLE = 150
_COPIES_PER_MILLE = 40
_COPY_REACH = 200
"""How many articles back a copy may find what it copies."""

_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")

_HOUSE_STYLES = ((" per cent", " percent"), (" said on ", " said late on "), (", according to ", ", said "))


def generate(articles: int, seed: int, mean_words: int = 400, start: int = 0) -> Iterator[dict[str, object]]:
    """Records of the articles numbered `start` to `start + articles - 1`, in order.

    Each has the fields id, title, body, summary, authors, source, section, tags, language, url, published_at
    (ISO 8601, UTC) and story, and some have modified_at. Bodies are `mean_words` words long on average, in
    paragraphs separated by blank lines.

    Raises:
        ValueError: a count is negative, or `mean_words` is less than `MIN_MEAN_WORDS`.
    """
    if articles < 0 or start < 0:
        raise ValueError(f"articles={articles}, start={start}: give numbers of 0 or more")
    if mean_words < MIN_MEAN_WORDS:
        raise ValueError(f"mean_words={mean_words}: give {MIN_MEAN_WORDS} or more")
    return (_record(seed, number, mean_words) for number in range(start, start + articles))


class _Issue(NamedTuple):
    """What the newspaper decides about one article before it is written."""

    draw: Draw
    """The draws that are left for the rest of it."""
    back: int
    """How many articles before this one the one stands that it copies; 0 if it is no copy."""
    published: datetime


def _issue(seed: int, number: int) -> _Issue:
    draw = draws(seed, number, "record")
    back = 1 + draw() % _COPY_REACH if draw() % 1000 < _COPIES_PER_MILLE else 0
    back = back if back <= number else 0
    published = _date(number, draw())
    if draw() % 1000 < _LATE_PER_MILLE and not back:  # a copy never comes before what it copies
        published -= timedelta(hours=6 + draw() % 240)
    return _Issue(draw, back, published)


def _date(number: int, fraction: int) -> datetime:
    """When article `number` appears, `fraction` / 2^32 of the way to the next one.

    The logarithm of the number, base 2 and linear between its integers, is the time in doublings; within a week, an
    hour gets its share of the articles.
    """
    position = (number << 32) + fraction + (1 << _FIRST_BITS + 32)
    power = position.bit_length() - 1
    doublings, scale = power - _FIRST_BITS - 32, 1 << power
    weeks, rest = divmod(_WEEKS_TO_DOUBLE * (doublings * scale + position - scale), scale)
    share = rest * _HOUR_STARTS[-1] * 3600 // scale
    hour = bisect_right(_HOUR_STARTS, share // 3600) - 1
    seconds = (share - _HOUR_STARTS[hour] * 3600) // _BY_HOUR_OF_WEEK[hour]
    return _FIRST_DAY + timedelta(weeks=weeks, hours=hour, seconds=seconds)


def _record(seed: int, number: int, mean_words: int) -> dict[str, object]:
    issue = first = _issue(seed, number)
    origin = number
    while first.back:
        origin -= first.back
        first = _issue(seed, origin)
    story = Story(seed, origin, first.published, mean_words)
    title, source, body = story.title, story.ask("source"), "\n\n".join(story.paragraphs)
    if issue.back:
        for _ in range(1 + issue.draw() % 2):
            title = story.headline()
        source = _another_source(story, source, issue.draw() % 4)
        body = _edited(story, source, issue.draw)
    published = issue.published
    record: dict[str, object] = {
        "id": _article_id(story, seed, number),
        "title": title,
        "body": body,
        "summary": story.paragraphs[0],
        "authors": story.authors,
        "source": source,
        "section": story.section,
        "tags": _tags(story),
        "language": "en",
        "url": f"https://{_slug(source)}.example/{published:%Y/%m/%d}/{_slug(title)}-{number}",
        "published_at": f"{published:%Y-%m-%dT%H:%M:%SZ}",
        "story": _article_id(story, seed, origin),
    }
    if issue.draw() % 1000 < _MODIFIED_PER_MILLE:
        modified = published + timedelta(minutes=5 + issue.draw() % 4320)
        record["modified_at"] = f"{modified:%Y-%m-%dT%H:%M:%SZ}"
    return record


def _another_source(story: Story, source: str, skipped: int) -> str:
    """A newspaper that is not `source`."""
    others = (name for name in iter(lambda: story.ask("source"), "") if name != source)
    return next(islice(others, skipped, None))


def _edited(story: Story, source: str, draw: Draw) -> str:
    """The body as another newspaper prints it: a dateline, one paragraph less, its own house style."""
    paragraphs = list(story.paragraphs)
    if len(paragraphs) > 3:
        del paragraphs[1 + draw() % (len(paragraphs) - 1)]
    body = "\n\n".join(paragraphs)
    for ours, theirs in _HOUSE_STYLES:
        if draw() % 2:
            body = body.replace(ours, theirs)
    return f"{story.ask('place').upper()} ({source}) - {body}"


def _article_id(story: Story, seed: int, number: int) -> str:
    return f"{story.section}-{seed}-{number:07d}"


def _slug(text: str) -> str:
    return _NOT_IN_SLUG.sub("-", text.lower()).strip("-")


def _tags(story: Story) -> list[str]:
    """What the story is about and where it happened; the organisation, if it has been named."""
    named = [story.cast["org"][0].removeprefix("the ")] if "org" in story.cast else []
    return [story.ask("topic"), story.ask("place"), *named]

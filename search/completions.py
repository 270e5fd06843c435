"""Completions of what somebody types: phrases, names and titles that the archive holds.

    phrases   words in a row in titles: what was typed, its last word completed, and some words more
    names     authors, sources, sections and tags of which a word begins with what was typed
    titles    the newest titles in which the typed words stand in a row

Whoever types does not spell, and does not know how titles go on. So where no title has all typed words in a row,
those that hardly any title has may be misspelled (`parsing.edits_for`), and where none has these, the first word is
left as it stands, and the others are completed.

Best first: by use, the number of articles in which an article of the last month counts eight times, one of the last
quarter four times, one of the last year twice (`parts.FRESH_DAYS`). What is the last month depends on the newest
article, not on a clock: an archive that ends in 2008 suggests what was new then, and equal states give equal answers.

Contract: exact over segments and partitions: what is returned depends on the live articles of a state, and not on how
they are partitioned. Bounded: the last `MAX_WORDS` typed words.

Not here: how answers look (`suggestions.py`).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple
from unicodedata import normalize

from partition.analysis import exact, function_words, places_of
from search.names import Name, names_like, names_spelled_like
from search.parts import Parts
from search.phrases import Found, Phrase, Phrases, Title, Word
from search.snapshot import Snapshot

MAX_WORDS = 8
"""Typed words that are looked at, the last ones."""
MAX_MORE = 3
"""Words that may follow the one that is completed."""
MAX_NAME_WORDS = 3
"""Of a name that is misspelled."""
MIN_CHARS = 3
"""Of a beginning that is followed by further words: of fewer, only words are suggested."""


class Completions(NamedTuple):
    """What is suggested, best first."""

    phrases: list[Phrase]
    names: list[Name]
    titles: list[Title]


class Typed(NamedTuple):
    """What was typed, in words."""

    text: str
    forms: tuple[str, ...]
    """In lower case; the last is a beginning, and empty behind white space."""
    starts: tuple[int, ...]
    """Where each begins in `text`."""


def completed(snapshot: Snapshot, text: str, limit: int, deadline_s: float) -> Completions:
    """What the typed text may become.

    Args:
        snapshot: of the archive.
        text: as it was typed up to now.
        limit: of each kind, at most.
        deadline_s: when to give up, on the monotonic clock.

    Raises:
        PartitionDamagedError
        DeadlineError: it took too long.
    """
    parts, asked = Parts(snapshot, deadline_s), typed(text)
    with parts.blamed():
        phrases, titles, misspelled = _continued(Phrases(parts), asked, limit)
        name = exact(asked.text)
        names = names_like(parts, name, limit)
        if not names and misspelled and len(asked.forms) <= MAX_NAME_WORDS:
            names = names_spelled_like(parts, name, limit)
    return Completions(phrases, names, titles)


def _continued(phrases: Phrases, asked: Typed, limit: int) -> tuple[list[Phrase], list[Title], bool]:
    """Phrases and titles, and whether no words, or all but only if misspelled, stand in a row in some title."""
    forms = asked.forms

    def words(count: int, *, alike: bool) -> list[Word]:
        """The last typed words, so many."""
        return [phrases.word(form, prefix=at == count - 1, alike=alike) for at, form in enumerate(forms[-count:])]

    found: dict[int, Found] = {}

    def stand(count: int, *, alike: bool) -> bool:
        """Whether the last words, so many, stand in a row in some title."""
        chosen = words(count, alike=alike)
        if alike and all(one is other for one, other in zip(chosen, words(count, alike=False), strict=True)):
            return False
        if count == 1:
            return chosen[0].used > 0
        found[count] = phrases.standing(chosen)
        return len(found[count]) > 0

    fewest = 1 if forms and forms[-1] else 2
    as_typed = _most(fewest, len(forms), partial(stand, alike=False))
    alike = _most(as_typed + 1, len(forms), partial(stand, alike=True))
    count = max(as_typed, alike)
    if count < fewest:
        return [], [], True
    misspelled = as_typed < count == len(forms)
    # Of a few words that mean nothing the rest would be about something else.
    if count < len(forms) and all(not form or form in function_words() for form in forms[-count:]):
        return [], [], misspelled
    head = asked.text[: asked.starts[-count]] if count < len(forms) else ""
    more = MAX_MORE if count > 1 or len(forms[-1]) >= MIN_CHARS else 0
    choices = words(count, alike=count > as_typed)
    return *phrases.continued(choices, found.get(count), head, limit, added=not forms[-1], more=more), misspelled


def _most(first: int, last: int, stand: Callable[[int], bool]) -> int:
    """How many words stand in a row, of `first` to `last`; more never do where fewer do not."""
    if first <= last and stand(last):
        return last
    return next((count for count in range(first, last) if not stand(count)), max(first, last)) - 1


def typed(text: str) -> Typed:
    """The last words of a text, of which the last is a beginning."""
    text = normalize("NFC", text)
    places = list(places_of(text))
    forms, starts = [text[start:end].lower() for start, end in places], [start for start, _end in places]
    if places and places[-1][1] < len(text):
        forms.append("")
        starts.append(len(text))
    return Typed(text, tuple(forms[-MAX_WORDS:]), tuple(starts[-MAX_WORDS:]))

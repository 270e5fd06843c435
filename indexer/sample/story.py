"""One story: its cast, its numbers and dates, and how long it gets.

People and organisations come from ranks without end (`drawing.py`), and their names, their roles and all else from
the rank: they come back from story to story as themselves.

Contract: a `Story` is a pure function of its arguments, on every platform.

Not here: the sentences and how they are filled (`grammar.py`, `telling.py`), names from numbers (`names.py`), what
the newspaper makes of a story (`__init__.py`).
"""

from collections.abc import Callable
from datetime import datetime
from itertools import product

from indexer.sample.affairs import AFFAIRS
from indexer.sample.discovery import DISCOVERY
from indexer.sample.drawing import SLOTS, draws, rank, zipf_table
from indexer.sample.grammar import CIVIC, CIVIC_SECTIONS, SHARED, Lexicon, Words, lexicon
from indexer.sample.leisure import LEISURE
from indexer.sample.names import brand, person, place, surname, town
from indexer.sample.telling import Grammar, Teller
from indexer.sample.words import WORDS

SECTIONS = ("politics", "business", "sport", "world", "science", "culture", "health", "technology")
"""The names of the sections, from the most frequent to the rarest."""
_BRANDED = ("business", "technology")
"""Sections whose organisations are companies: a brand, mentioned again by the brand alone."""
_PLACED = ("sport", "health")
"""Sections whose organisations bear the name of a place."""

_PEOPLE = {
    "lead": (25, "lead_role"),
    "rival": (40, "rival_role"),
    "expert": (60, "expert_role"),
    "voice": (1000, "trade"),
    "second_voice": (1000, "trade"),
    "player": (60, "player_role"),
    "second_player": (60, "player_role"),
    "third_player": (60, "player_role"),
}
"""Who is met in a story: the shift of their ranks (below it, all are about equally well known), and their roles."""
_NUMBERED = (*_PEOPLE, "reporter", "org", "agency", "company", "product")
"""What bears a name with a number: every section has ranks of each."""
_STREAMS = {pair: stream for stream, pair in enumerate(product(SECTIONS, _NUMBERED))}
"""The numbers interleave all these ranks, so that each has names of its own."""

_LENGTHS = (40, 50, 58, 65, 71, 77, 83, 89, 95, 101, 108, 116, 126, 140, 163, 218)
"""Lengths of articles in per cent of the mean; they average 100."""
_MARGIN_WORDS = 27
"""A closing sentence and half a paragraph: stopping this short of its length, a body meets it on average."""

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


class Story(Teller):
    """A story, told from its headline down."""

    def __init__(self, seed: int, number: int, moment: datetime, mean_words: int) -> None:
        super().__init__(draws(seed, number, "story"))
        self.moment = moment
        self.cast: dict[str, tuple[str, str]] = {}
        """Everybody met so far, in full and in brief."""
        self.section = zipf_table(SECTIONS)[self.draw() % SLOTS]
        self._grammar = _GRAMMARS[self.section]
        self._introduced: set[str] = set()
        opening, self._headlines = self._grammar.angles[self.draw() % len(self._grammar.angles)]
        self.title = self.headline()
        self.paragraphs = self._body(opening(self), mean_words * _LENGTHS[self.draw() % len(_LENGTHS)] // 100)
        self.authors = self._bylines()

    def headline(self) -> str:
        """A headline; all are different until they have all been used."""
        self._introduced.clear()
        title = self._headlines(self)
        self._introduced.clear()
        return title

    def ask(self, name: str) -> str:
        """What stands for a name of the grammar."""
        return self._grammar.ask(name)(self)

    def named(self, name: str) -> str:
        """A number, a date or the name of a place, or somebody in the cast.

        They are named in full when they are mentioned first, and in brief ever after, or as `{..._name}`.
        """
        if make := _MAKERS.get(name):
            return make(self)
        who = name.removesuffix("_name")
        full, brief = self.cast.get(who) or self._meet(who)
        if name != who or who in self._introduced:
            return brief
        self._introduced.add(who)
        return full

    def number(self, kind: str, shift: int) -> int:
        """The number of a name, which belongs to one kind in one section; agencies serve all sections."""
        stream = _STREAMS[SECTIONS[0] if kind == "agency" else self.section, kind]
        return rank(self.draw, shift) * len(_STREAMS) + stream

    def _body(self, opening: str, words: int) -> list[str]:
        paragraphs = [opening]
        told = opening.count(" ")
        while told < words - _MARGIN_WORDS:
            paragraphs.append(self.ask("paragraph"))
            told += paragraphs[-1].count(" ") + 1
        return [*paragraphs, self.ask("close")]

    def _bylines(self) -> list[str]:
        """One reporter as a rule, sometimes none or two."""
        reporters = [person(self.number("reporter", 8)) for _ in range({0: 0, 1: 2}.get(self.draw() % 20, 1))]
        return list(dict.fromkeys(f"{reporter.first} {reporter.surname}" for reporter in reporters))

    def _meet(self, who: str) -> tuple[str, str]:
        self.cast[who] = self._person(who) if who in _PEOPLE else self._organisation(who)
        return self.cast[who]

    def _person(self, who: str) -> tuple[str, str]:
        shift, roles = _PEOPLE[who]
        number = self.number(who, shift)
        somebody = person(number)
        if who == "lead":
            self.settled["he"] = somebody.pronoun
        return f"{self._fixed(roles, number)} {somebody.first} {somebody.surname}", somebody.surname

    def _organisation(self, who: str) -> tuple[str, str]:
        if self.section in _PLACED and who != "agency":
            stem, kind = self.ask("place" if who == "org" else "other_place"), self.ask("org_kind")
            return f"{stem} {kind}", kind if self.section == "sport" else _briefly(kind)
        number = self.number(who, 40)
        kind = self._fixed(f"{who}_kind", number)
        if self.section in _BRANDED and who == "org":
            return f"{brand(number)} {kind}", brand(number)
        return f"the {surname(number)} {kind}", _briefly(kind)

    def _fixed(self, words: str, number: int) -> str:
        """The word that goes with a number in every story; the factor is a prime that tells neighbours apart."""
        return self._grammar.tables[words][number * 7919 % SLOTS]


def _briefly(kind: str) -> str:
    return f"the {kind.rsplit(maxsplit=1)[-1].lower()}"


def _month(story: Story, step: int, reach: int) -> str:
    """A month up to `reach` steps away from the story's."""
    return _MONTHS[(story.moment.month - 1 + step * (1 + story.draw() % reach)) % 12]


def _money(story: Story) -> str:
    tenths = 11 + story.draw() % 900
    if tenths >= 100:
        return f"${tenths // 10 * 5} million"
    return f"${tenths // 10}.{tenths % 10} {'billion' if story.draw() % 4 == 0 else 'million'}"


_MAKERS: dict[str, Callable[[Story], str]] = {
    "day": lambda story: _DAYS[story.moment.weekday()],
    "yesterday": lambda story: _DAYS[story.moment.weekday() - 1],
    "earlier": lambda story: _month(story, -1, 6),
    "later": lambda story: _month(story, 1, 5),
    "last_year": lambda story: str(story.moment.year - 1),
    "since": lambda story: str(story.moment.year - 3 - story.draw() % 30),
    "n": lambda story: str(11 + story.draw() % 88),
    "pct": lambda story: f"{1 + story.draw() % 19}.{1 + story.draw() % 9}",
    "count": lambda story: f"{(110 + story.draw() % 890) * 10 ** (1 + story.draw() % 2):,}",
    "crowd": lambda story: f"{(1 + story.draw() % 9) * 10 ** (2 + story.draw() % 2):,}",
    "money": _money,
    "place": lambda story: place(rank(story.draw, 60)),
    "town": lambda story: town(rank(story.draw, 400)),
    "product": lambda story: brand(story.number("product", 80)),
    "company": lambda story: brand(story.number("company", 80)),
    "he": lambda story: story.settled["he"],
    "his": lambda story: "her" if story.settled["he"] == "she" else "his",
}


def section_lexicon(section: str) -> Lexicon:
    """All that a section draws on: the common words, the sentences it shares, and its own."""
    own = {**AFFAIRS, **DISCOVERY, **LEISURE}[section]
    entries = lexicon(WORDS, SHARED, CIVIC if section in CIVIC_SECTIONS else "", own)
    stems = [verb.removesuffix("e") for verb in entries["act"]]
    entries["act_ing"] = Words(f"{stem}ing" for stem in stems)
    entries["act_ed"] = Words(f"{stem}ed" for stem in stems)
    return entries


_GRAMMARS = {section: Grammar(section_lexicon(section)) for section in SECTIONS}

"""How sentences are told: a lexicon made ready to draw from, by the notation of `grammar.py`.

Every name that a sentence asks for becomes an `Ask`, a function of who tells the story, made once; a sentence
becomes a format and its `Ask`s.

Contract: a `Grammar` holds no state of any story; that is in the `Teller`, who also answers for the names that the
lexicon does not hold.

Not here: what the lexicon says (`grammar.py`), people and numbers (`story.py`).
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from indexer.sample.drawing import SLOTS, Draw, walk, zipf_table
from indexer.sample.grammar import KEPT, Lexicon, Words

_NAME = re.compile(r"\{(\w+)\}")
_TAKES_AN = re.compile(r"(?!uni|use|eu|one)[aeiou]|hon(?:est|our)|hour|heir|\$8|\$1[18]\b", re.IGNORECASE)


class Teller(ABC):
    """Who tells a story, with what has been drawn for it so far."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.latest: dict[str, str] = {}
        """The word drawn last from each class."""
        self.walks: dict[str, Iterator[int]] = {}
        """The order of the sentences of each kind."""
        self.settled: dict[str, str] = {}
        """What holds for the rest of the story."""

    @abstractmethod
    def named(self, name: str) -> str:
        """What stands for a name that the lexicon does not hold."""


Ask = Callable[[Teller], str]
"""What stands for a name in a sentence."""
_Sentence = tuple[str, tuple[Ask, ...]]
"""A format and what fills it, from left to right."""


class Grammar:
    """A lexicon, ready to draw from."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._asks: dict[str, Ask] = {}
        self.tables = {name: zipf_table(tuple(entry)) for name, entry in lexicon.items() if isinstance(entry, Words)}
        """The words of each class, in `SLOTS` slots."""
        self.angles = [self._angle(*angle.split(" | ")) for angle in lexicon["angle"]]
        """Openings, each with the headlines that suit it."""

    def ask(self, name: str) -> Ask:
        """What stands for `name`, be it plain or with a capital, `a_`, `the_` or `other_`."""
        if name not in self._asks:
            self._asks[name] = self._shaped(name)
        return self._asks[name]

    def _angle(self, opening: str, *headlines: str) -> tuple[Ask, Ask]:
        return self._sentences("opening", [opening]), self._sentences("headline", headlines)

    def _sentences(self, name: str, texts: Iterable[str]) -> Ask:
        return _in_turn(name, [self._sentence(text) for text in texts])

    def _sentence(self, text: str) -> _Sentence:
        return _NAME.sub("%s", text.replace("%", "%%")), tuple(self.ask(name) for name in _NAME.findall(text))

    def _shaped(self, name: str) -> Ask:
        if name[0].isupper():
            return _capital(self.ask(name[0].lower() + name[1:]))
        if name.startswith("a_"):
            return _indefinite(self.ask(name.removeprefix("a_")))
        if name.startswith("other_"):
            return _other(name.removeprefix("other_"), self._fresh(name.removeprefix("other_")))
        if name.startswith("the_") or name in KEPT:
            return _kept(name, self._fresh(name.removeprefix("the_")))
        return self._fresh(name)

    def _fresh(self, name: str) -> Ask:
        if name in self.tables:
            return _word(name, self.tables[name])
        if name in self._lexicon:
            return self._sentences(name, self._lexicon[name])
        return lambda teller: teller.named(name)


def _word(name: str, table: list[str]) -> Ask:
    """A word of a class, never the same twice running."""

    def word(teller: Teller) -> str:
        draw, latest = teller.draw, teller.latest
        text = table[draw() % SLOTS]
        while text == latest.get(name):
            text = table[draw() % SLOTS]
        latest[name] = text
        return text

    return word


def _in_turn(name: str, sentences: list[_Sentence]) -> Ask:
    """One sentence after the other, in an order of the story's own."""

    def in_turn(teller: Teller) -> str:
        steps = teller.walks.get(name)
        if steps is None:
            steps = teller.walks[name] = walk(teller.draw, len(sentences))
        text, asks = sentences[next(steps)]
        return text % tuple([ask(teller) for ask in asks])

    return in_turn


def _kept(name: str, fresh: Ask) -> Ask:
    """What is drawn once and settled for the rest of the story."""

    def kept(teller: Teller) -> str:
        if name not in teller.settled:
            teller.settled[name] = fresh(teller)
        return teller.settled[name]

    return kept


def _other(name: str, fresh: Ask) -> Ask:
    """What is drawn anew, and is not what is settled."""

    def other(teller: Teller) -> str:
        while (text := fresh(teller)) == teller.settled.get(name):
            pass
        return text

    return other


def _capital(ask: Ask) -> Ask:
    def capital(teller: Teller) -> str:
        text = ask(teller)
        return text[0].upper() + text[1:]

    return capital


@lru_cache(maxsize=2048)
def _with_article(text: str) -> str:
    return f"an {text}" if _TAKES_AN.match(text) else f"a {text}"


def _indefinite(ask: Ask) -> Ask:
    def indefinite(teller: Teller) -> str:
        return _with_article(ask(teller))

    return indefinite

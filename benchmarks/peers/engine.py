"""What an engine must do to be measured, and the classes of questions it is asked.

| class       | asked                                                                        |
|-------------|------------------------------------------------------------------------------|
| `or`        | the ten best articles with any of the words, in title or body                |
| `or_total`  | the same, and how many match, exactly                                        |
| `and`       | the ten best articles with all of the words; some article has them           |
| `and_empty` | the same, where no article has them all                                      |
| `phrase`    | the ten best articles with the words in this order, side by side             |
| `date`      | the ten best articles with any of the words, published within 30 days        |
| `newest`    | the ten newest articles with any of the words                                |

Contract: an engine builds an index from articles in memory into an empty folder and leaves it closed and complete;
what it opens answers in the calling thread, parses the text of each question anew, and gives ids. A class that an
engine cannot answer is absent.

Not here: the engines (one file each), timing (`measure.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, get_args

from partition.types import Article

TOP = 10
"""How many ids an answer holds, if so many articles match."""

QueryClass = Literal["or", "or_total", "and", "and_empty", "phrase", "date", "newest"]
QUERY_CLASSES: tuple[QueryClass, ...] = get_args(QueryClass)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, whatever the class."""

    text: str
    """Lower-case words of letters and digits, joined by single spaces: no parser finds an operator in it."""
    from_ms: int = 0
    """Only `date`: the first moment of the range, a midnight in UTC."""
    to_ms: int = 0
    """Only `date`: the end of the range, exclusive, a midnight in UTC."""


class Answer(NamedTuple):
    """What an engine says."""

    ids: Sequence[str | int]
    """Best first. A number is the ordinal of the article in the sequence that was built from."""
    total: int | None
    """How many articles match; `None` unless the engine counted them."""


Ask = Callable[[Question], Answer]


class Engine(Protocol):
    """One engine, as it is set up for these measurements."""

    exact: bool
    """Whether its answers must be the oracle's, id by id; others need only agree with it."""

    def build(self, articles: Sequence[Article], folder: Path) -> None:
        """Index `articles` into the empty `folder`."""
        ...

    def open(self, folder: Path) -> AbstractContextManager[Mapping[QueryClass, Ask]]:
        """The index in `folder`, open for questions."""
        ...

    def footprint(self, folder: Path) -> dict[str, int]:
        """`size_bytes`, what the index takes on disk, and whatever else there is to say of it, as numbers."""
        ...


def folder_bytes(folder: Path) -> int:
    """Bytes of all files in a folder and below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

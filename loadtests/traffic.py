"""Traffic: what readers request next, one mix for both loops.

Contract: four requests in five are searches, taken from the query stream; of the others, some page deep
through the hits of an earlier search, and some read an article that a search has just shown. A walk takes a
geometric number of pages and follows `page.next` as given. The draws are seeded, but which hits are walked
and read depends on the order of answers. Until a first answer is there, everything is a search. Memory is
bounded.

Not here: when requests are sent (`arrivals.py`, `locustfile.py`).
"""

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, urlencode

from loadtests.answers import SEARCH, WrongAnswerError, check_article, page_of
from loadtests.queries import QueryStream

Kind = Literal["search", "page", "article"]

PAGE_SHARE = 0.12
ARTICLE_SHARE = 0.08
NEXT_PAGE_CHANCE = 0.95
"""That a walk goes on after a page: 20 pages on average."""
HITS_PER_PAGE = 20
_KEPT = 64
"""Searches not yet walked and articles not yet read that are remembered, the newest ones."""


@dataclass(slots=True)
class Walk:
    """A reader's way down the hits of one search: the next page, and every id seen so far."""

    next_path: str
    seen: set[str]


@dataclass(frozen=True, slots=True)
class Request:
    """One GET: its kind, its path with query, and what its answer must fit."""

    kind: Kind
    path: str
    walk: Walk | None = field(default=None, repr=False)
    article_id: str | None = None


class Traffic:
    """The mix of requests over one query stream."""

    def __init__(self, stream: QueryStream, seed: int) -> None:
        self._stream = stream
        self._draw = random.Random(seed)
        self._walks: deque[Walk] = deque()  # under way and not in flight, so at most as many as requests in flight
        self._startable: deque[Walk] = deque(maxlen=_KEPT)
        self._readable: deque[str] = deque(maxlen=_KEPT)

    def next_request(self) -> Request:
        """What is requested next."""
        lot = self._draw.random()
        if lot < PAGE_SHARE and (self._walks or self._startable):
            walk = self._walks.popleft() if self._walks else self._startable.pop()
            return Request("page", walk.next_path, walk=walk)
        if PAGE_SHARE <= lot < PAGE_SHARE + ARTICLE_SHARE and self._readable:
            article_id = self._readable.pop()
            return Request("article", f"/v1/articles/{quote(article_id, safe='')}", article_id=article_id)
        return Request("search", SEARCH + urlencode({"q": self._stream.take(), "limit": HITS_PER_PAGE}))

    def accept(self, request: Request, status: int, body: bytes) -> None:
        """Check the answer to `request`, and learn from it what can be requested later.

        Raises:
            WrongAnswerError: the answer breaks the API's contract; a walk ends there.
        """
        if request.article_id is not None:
            check_article(status, body, request.article_id)
            return
        page = page_of(status, body)
        if request.walk is None:
            if page.ids:
                self._readable.append(self._draw.choice(page.ids))
            if page.next_path is not None:
                self._startable.append(Walk(page.next_path, set(page.ids)))
            return
        if not page.ids:
            raise WrongAnswerError("a page of a walk is empty")
        if not request.walk.seen.isdisjoint(page.ids):
            raise WrongAnswerError("an id is repeated within a walk")
        if page.next_path is not None and self._draw.random() < NEXT_PAGE_CHANCE:
            request.walk.seen.update(page.ids)
            request.walk.next_path = page.next_path
            self._walks.append(request.walk)

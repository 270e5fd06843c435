"""Right and wrong answers: what a response must hold to count as served.

Contract: a fast wrong answer must not flatter the figures, so every response is checked against the API's
contract. A wrong one raises `WrongAnswerError`, whose message is one of a few fixed texts without ids or
queries: it is the key under which failures are counted.

Not here: what is asked next (`traffic.py`).
"""

import json
from dataclasses import dataclass
from typing import Any

SEARCH = "/v1/search?"
CACHE_NAME = "broadsheet"


class WrongAnswerError(Exception):
    """The answer is not what the API promises."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of hits: the article ids in order, and the path of the next page, if any."""

    ids: tuple[str, ...]
    next_path: str | None


def page_of(status: int, body: bytes) -> Page:
    """The page that a search answered.

    Raises:
        WrongAnswerError: status, shape or coverage is not that of a whole answer.
    """
    answer = _object(status, body)
    try:
        ids = tuple(hit["id"] for hit in answer["data"])
        next_path = answer["page"]["next"]
        value = answer["total"]["value"]
        complete = answer["coverage"]["complete"]
    except (KeyError, TypeError) as error:
        raise WrongAnswerError("the answer is no page of hits") from error
    if not isinstance(value, int) or not all(isinstance(article_id, str) for article_id in ids):
        raise WrongAnswerError("the answer is no page of hits")
    if complete is not True:
        raise WrongAnswerError("the answer is partial")
    if len(set(ids)) < len(ids):
        raise WrongAnswerError("an id is repeated within a page")
    # Followed as it is, so it must not lead to another host.
    if next_path is not None and not (isinstance(next_path, str) and next_path.startswith(SEARCH)):
        raise WrongAnswerError("page.next is not a path of /v1/search")
    return Page(ids, next_path)


def check_article(status: int, body: bytes, article_id: str) -> None:
    """Hold an article's answer against the id that was asked for.

    Raises:
        WrongAnswerError: the answer is not that article.
    """
    if _object(status, body).get("id") != article_id:
        raise WrongAnswerError("the answer is not the article that was asked for")


def cache_hit(cache_status: str | None) -> bool | None:
    """Whether our cache answered, from the `Cache-Status` header (RFC 9211); None where it is not named."""
    for member in (cache_status or "").split(","):
        name, *parameters = (part.strip() for part in member.split(";"))
        if name == CACHE_NAME:
            return "hit" in parameters
    return None


def _object(status: int, body: bytes) -> dict[str, Any]:
    if status != 200:
        raise WrongAnswerError(f"status {status}" if status else "no response")
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise WrongAnswerError("the answer is not JSON") from error
    if not isinstance(answer, dict):
        raise WrongAnswerError("the answer is not a JSON object")
    return answer

"""Bodies of writes: so many at a time, from each client no more than half, and none for ever.

Not here: that routes heed it (`tests/indexer/test_http_writes.py`).
"""

import asyncio
from contextlib import ExitStack

import pytest
from starlette.requests import Request
from starlette.types import Message

from web import bodies
from web.bodies import Shares, body_pieces, claimed_bytes, read_body
from web.problems import Problem


def test_no_client_has_more_than_half() -> None:
    """What is given back can be had again, by others too."""
    shares = Shares(8)
    with ExitStack() as taken:
        for _ in range(4):
            taken.enter_context(shares.taken("one"))
        for client, amount in (("one", 1), ("other", 5)):
            with pytest.raises(Problem, match="too many bodies"), shares.taken(client, amount):
                pass
        taken.enter_context(shares.taken("other", 4))
        with pytest.raises(Problem) as refused, shares.taken("third"):
            pass
        assert refused.value.slug == "overloaded"
        assert 1 <= int(refused.value.headers["Retry-After"]) <= 2
    with shares.taken("third", 4), pytest.raises(ZeroDivisionError), shares.taken("one", 4):
        raise ZeroDivisionError
    with shares.taken("one", 4):
        pass


def _request(*messages: Message, length: str | None = None) -> Request:
    """One whose body never ends, after these."""
    left = list(messages)

    async def receive() -> Message:
        return left.pop(0) if left else await asyncio.Future()

    headers = [] if length is None else [(b"content-length", length.encode())]
    return Request({"type": "http", "method": "PUT", "headers": headers}, receive)


def _piece(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize(("length", "claimed"), [("7", 7), ("0", 0), ("99", 50), (None, 50), ("x", 50)])
def test_a_length_is_believed_up_to_a_bound(length: str | None, claimed: int) -> None:
    """What is longer is refused when it is read."""
    assert claimed_bytes(_request(length=length), 50) == claimed


async def _pieces(request: Request, got: list[bytes]) -> None:
    async for piece in body_pieces(request):
        got.append(piece)  # noqa: PERF401 - also what came before it fails


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is read whole has so much time in all, another one for each piece."""
    monkeypatch.setattr(bodies, "PATIENCE_S", 0.05)
    with pytest.raises(Problem, match="nothing came") as late:
        asyncio.run(read_body(_request(_piece(b"a")), 10))
    assert (late.value.slug, late.value.headers["Connection"]) == ("body-too-slow", "close")
    got: list[bytes] = []
    with pytest.raises(Problem, match="nothing came"):
        asyncio.run(_pieces(_request(_piece(b"a"), _piece(b""), _piece(b"b")), got))
    assert got == [b"a", b"b"]
    asyncio.run(_pieces(_request(_piece(b"c"), _piece(b"d", more=False)), got))
    assert got == [b"a", b"b", b"c", b"d"]

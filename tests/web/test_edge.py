"""The edge around an app that fails: what the real service never does on purpose."""

import asyncio
from typing import Any

import httpx2
import pytest
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from structlog.testing import capture_logs

from web.edge import Edge
from web.problems import HANDLERS


async def _broken(_request: Request) -> Response:
    raise RuntimeError("secret detail")


async def _broken_midway(_request: Request) -> Response:
    async def pieces() -> Any:
        yield b"begun"
        raise RuntimeError("too late")

    return StreamingResponse(pieces())


_APP = Starlette(
    routes=[Route("/broken", _broken), Route("/midway", _broken_midway)],
    middleware=[Middleware(Edge)],
    exception_handlers=HANDLERS,
)


def _get(address: str) -> httpx2.Response:
    async def get() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=_APP), base_url="http://edge") as client:
            return await client.get(address, headers={"X-Request-Id": "abc-1"})

    return asyncio.run(get())


def _counted() -> float:
    labels = {"route": "/broken", "method": "GET", "status": "500"}
    return REGISTRY.get_sample_value("broadsheet_http_requests_total", labels) or 0.0


def test_unexpected_exception_is_a_problem_with_the_request_id() -> None:
    """It is logged and counted; the caller learns the request id and nothing of the cause."""
    before = _counted()
    with capture_logs() as events:
        response = _get("/broken")
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Request-Id"] == response.json()["request_id"] == "abc-1"
    assert response.json()["type"] == "/docs/problems/internal"
    assert "secret" not in response.text
    assert _counted() == before + 1
    (logged,) = events
    assert "secret detail" in str(logged["exc_info"])
    assert logged["request_id"] == "abc-1"


def test_exception_after_the_answer_began_is_raised() -> None:
    """The server must see it, to close the connection instead of pretending that the answer is whole."""
    with pytest.raises(RuntimeError, match="too late"):
        _get("/midway")

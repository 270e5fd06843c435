"""A wire between a client and a Redis server that can be made to spoil what the server says.

Contract: a proxy on a unix socket. What the client says passes unchanged; each piece that the server says waits for
`delay_s` and passes through `spoil`, which gets the number of its connection, counted from 1. An empty piece closes.

Not here: silence and refusal; `RedisServer` hangs and dies by itself.
"""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Self


def honest(_: int, piece: bytes) -> bytes:
    """Pass what the server said."""
    return piece


class Wire:
    """A proxy in front of a server's unix socket."""

    def __init__(self, server_url: str) -> None:
        self._server_path = server_url.removeprefix("unix://")
        self._path = str(Path(self._server_path).with_name("wire"))
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = f"unix://{self._path}"
        self.connections = 0
        self.spoil: Callable[[int, bytes], bytes] = honest
        self.delay_s = 0.0

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_unix_server(self._connect, self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            server, to_server = await asyncio.open_unix_connection(self._server_path)
        except OSError:  # it is gone; so is this
            to_client.close()
            return
        self._tasks.add(asyncio.create_task(self._ask(client, to_server)))
        self._tasks.add(asyncio.create_task(self._reply(number, server, to_client)))

    async def _ask(self, client: asyncio.StreamReader, to_server: asyncio.StreamWriter) -> None:
        with closing(to_server):
            while piece := await client.read(65536):
                to_server.write(piece)

    async def _reply(self, number: int, server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with closing(to_client):
            while (piece := await server.read(65536)) and (spoiled := self.spoil(number, piece)):
                await asyncio.sleep(self.delay_s)
                to_client.write(spoiled)

"""What requests for an address are answered, for as long as that is certain.

Contract: an address is known in one epoch and one hour, since in others it may ask for something else; then all are
forgotten. Its answer is the cache's: what is remembered here is under which name the cache has it, and the headers.
Ages are told anew.

Not here: how requests get here (`web/shortcuts.py`), whether an answer still is one (`judging.py`).
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from partition.manifest import RootManifest
from search.dates import origin_of
from search.epochs import Epochs
from search.judging import SightJudge
from search.ports import Cache, Cached, body_of
from web.shortcuts import Known

MAX_TARGETS = 8192
MAX_TARGET_BYTES = 1024
# What `told_of` says of a hit, as bytes: a known answer takes 15 microseconds in all.
_STATUS = {where: f"broadsheet; hit; ttl=%d; detail={where}".encode() for where in ("memory", "redis")}
_TOLD_ANEW = frozenset({b"age", b"cache-status", b"etag"})


class _Target(NamedTuple):
    name: str
    """Under which the cache has the answer."""
    route: Any
    headers: list[tuple[bytes, bytes]]
    etag: bytes


def told_of(cached: Cached) -> dict[str, str]:
    """`Cache-Status` (RFC 9211) and `Age` of an answer."""
    if cached.stale_s is not None:
        return {"Cache-Status": f"broadsheet; hit; ttl={-math.ceil(cached.stale_s)}", "Age": str(int(cached.age_s))}
    if cached.outcome == "hit":
        status = f"broadsheet; hit; ttl={int(cached.ttl_s)}; detail={cached.where}"
        return {"Cache-Status": status, "Age": str(int(cached.age_s))}
    collapsed = "; collapsed" if cached.outcome == "shared" else ""
    return {"Cache-Status": f"broadsheet; fwd=miss{collapsed}"}


class KnownTargets:
    """Addresses of which the answers are known."""

    def __init__(
        self, epochs: Epochs, cache: Cache, now: Callable[[], float], asked: Callable[[bytes], None] = lambda _: None
    ) -> None:
        """Know nothing yet.

        Args:
            epochs: which state is answered from.
            cache: where the answers are.
            now: the clock that relative dates go by.
            asked: is told of each address that was answered.
        """
        self._asked = asked
        self._epochs = epochs
        self._cache = cache
        self._now = now
        self._manifest: RootManifest | None = None
        self._origin_ms = 0
        self._judge: SightJudge | None = None
        self._moment = 0
        self._targets: dict[bytes, _Target] = {}

    def moment(self) -> int:
        """A number for this epoch and hour."""
        origin_ms = origin_of(self._now())
        if self._epochs.current is not self._manifest or origin_ms != self._origin_ms:
            self._manifest, self._origin_ms = self._epochs.current, origin_ms
            self._judge = SightJudge(self._manifest) if self._manifest else None
            self._moment += 1
            self._targets.clear()
        return self._moment

    def remember(
        self, target: bytes, begun: int, name: str, route: Any, headers: list[tuple[bytes, bytes]], etag: bytes
    ) -> None:
        """Remember what an address was answered.

        Args:
            target: as of `shortcuts.target_of`.
            begun: the moment in which the request came; if it is over, what it was answered may belong to the next.
            name: under which the cache has the answer.
            route: whose it is.
            headers: with which it was given.
            etag: of the answer.
        """
        self._asked(target)
        if begun != self.moment() or len(target) > MAX_TARGET_BYTES:
            return
        if len(self._targets) >= MAX_TARGETS:
            self._targets.clear()
        lasting = [header for header in headers if header[0] not in _TOLD_ANEW]
        self._targets[target] = _Target(name, route, [*lasting, (b"etag", etag)], etag)

    def find(self, target: bytes, if_none_match: bytes | None) -> Known | None:
        """As of `shortcuts.Shortcuts`; other tags than the answer's own are for those who know what tags mean."""
        self.moment()
        known = self._of(target, if_none_match)
        cached = self._cache.again(known.name, self._judge.state) if known and self._judge else None
        return self._given(target, known, cached, if_none_match)

    async def fetch(self, target: bytes, if_none_match: bytes | None) -> Known | None:
        """As of `shortcuts.Shortcuts`; asked at once after `find`, so that it is the same moment."""
        known = self._of(target, if_none_match)
        cached = await self._cache.fetch(known.name, self._judge) if known and self._judge else None
        return self._given(target, known, cached, if_none_match)

    def _of(self, target: bytes, if_none_match: bytes | None) -> _Target | None:
        known = self._targets.get(target)
        return known if known and if_none_match in {None, known.etag} else None

    def _given(
        self, target: bytes, known: _Target | None, cached: Cached | None, if_none_match: bytes | None
    ) -> Known | None:
        if known is None or cached is None:
            return None
        self._asked(target)
        return _made(known, cached, if_none_match)


def _made(known: _Target, cached: Cached, if_none_match: bytes | None) -> Known:
    """The answer to a request for a known address."""
    headers = [
        *known.headers,
        (b"cache-status", _STATUS[cached.where or "memory"] % cached.ttl_s),
        (b"age", b"%d" % cached.age_s),
    ]
    if if_none_match is not None:
        return Known(known.route, 304, [one for one in headers if not one[0].startswith(b"content-")], b"")
    return Known(known.route, 200, headers, body_of(cached.body))

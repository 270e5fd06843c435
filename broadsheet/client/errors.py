"""What can go wrong for whoever uses the client.

    BroadsheetError
    ├── ProblemError              the server, or a proxy before it, refuses: `slug` says what
    │   ├── InvalidError          400, 413, 414, 415, 422: what was asked cannot be answered
    │   ├── AccessError           401, 403: the key, or its role
    │   ├── NotFoundError         404: no such article, job or part
    │   ├── TakenDownError        410 `article-taken-down`
    │   ├── CursorExpiredError    410 `cursor-expired`: `resume` goes on in the newest state
    │   ├── ConflictError         409, 412: another version, or another request with this key
    │   └── UnavailableError      408, 429, 502, 503, 504: later it may be answered; it was asked again before
    ├── UnreachableError          no whole answer came; it was asked for again before
    ├── AnswerError               what answered is no Broadsheet, or one that is newer than this client
    ├── JobFailedError            a write or an export failed or was canceled: `job`
    ├── JobUnfinishedError        it was not done in the time that was given: `job`
    └── ChecksumError             a part of an export is not what the server said it is

Contract: everything that the client raises over the network is one of these. `ValueError` is for arguments that can
be refused before anything is asked.

Not here: what every `slug` means (`docs/reference.md`), which are asked again (`asking.py`).
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from broadsheet.client.job_answers import JobAnswer

_MAX_TEXT_CHARS = 300


class ParameterFault(msgspec.Struct, frozen=True):
    """What is wrong with one parameter."""

    parameter: str
    detail: str
    position: int | None = None
    """Offset into its value, where it is known."""


class BroadsheetError(Exception):
    """The root of the tree."""


class ProblemError(BroadsheetError):
    """A refusal (RFC 9457); of proxies, too, whose text is then the `detail`."""

    def __init__(self, status: int, members: Mapping[str, Any], retry_after_s: float | None = None) -> None:
        """Args: the status; the members of the body; what `Retry-After` said, in seconds from then."""
        self.status = status
        self.type = _text(members.get("type"))
        self.slug = self.type.rpartition("/docs/problems/")[2] if "/docs/problems/" in self.type else ""
        """As in the reference, such as `query-invalid`; empty where something else than a Broadsheet has refused."""
        self.title = _text(members.get("title"))
        self.detail = _text(members.get("detail"))
        self.instance = _text(members.get("instance"))
        self.request_id = _text(members.get("request_id"))
        """To be told to whoever runs the server."""
        self.errors: Sequence[ParameterFault] = _faults(members.get("errors"))
        self.members = members
        """Everything that the body says."""
        self.retry_after_s = retry_after_s
        super().__init__(f"{self.detail or self.title} ({status} {self.slug or self.title})")


class InvalidError(ProblemError):
    """What was asked cannot be answered; the same again will not do."""


class AccessError(ProblemError):
    """The key is missing or not valid, or its role does not allow it."""


class NotFoundError(ProblemError):
    """There is no such thing."""


class TakenDownError(ProblemError):
    """The article was taken down, for good."""


class CursorExpiredError(ProblemError):
    """The state of the archive that is walked is no longer kept."""

    @property
    def resume(self) -> str | None:
        """The relative address that goes on from the same place in the newest state."""
        links = self.members.get("links")
        return links.get("resume") if isinstance(links, dict) else None


class ConflictError(ProblemError):
    """Something else has come before."""


class UnavailableError(ProblemError):
    """It cannot be answered now."""


class UnreachableError(BroadsheetError):
    """No whole answer came."""


class AnswerError(BroadsheetError):
    """An answer that cannot be read."""


class ChecksumError(BroadsheetError):
    """A part of an export is not what it should be; what was read of it cannot be trusted."""


class JobFailedError(BroadsheetError):
    """A job failed, or was canceled."""

    def __init__(self, job: JobAnswer) -> None:
        self.job = job
        super().__init__(f"job {job.id} {job.status}: {job.reason or 'no reason is told'}")


class JobUnfinishedError(BroadsheetError):
    """A job was not done in time; it goes on."""

    def __init__(self, job: JobAnswer, waited_s: float) -> None:
        self.job = job
        super().__init__(f"job {job.id} is {job.status} after {waited_s:.0f} s; it goes on, look at it later")


_BY_SLUG = {"article-taken-down": TakenDownError, "cursor-expired": CursorExpiredError}
_BY_STATUS: Mapping[int, type[ProblemError]] = {
    **dict.fromkeys((400, 413, 414, 415, 422), InvalidError),
    **dict.fromkeys((401, 403), AccessError),
    **dict.fromkeys((409, 412), ConflictError),
    **dict.fromkeys((408, 429, 502, 503, 504), UnavailableError),
    404: NotFoundError,
}


def problem_of(status: int, media_type: str, body: bytes, retry_after_s: float | None) -> ProblemError:
    """The error that a refusal is."""
    members: Any = None
    if media_type.partition(";")[0].strip() == "application/problem+json":
        try:
            members = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            members = None
    if not isinstance(members, dict):
        members = {"title": _phrase(status), "detail": _cut(body)}
    error = ProblemError(status, members, retry_after_s)
    kind = _BY_SLUG.get(error.slug) or _BY_STATUS.get(status, ProblemError)
    return kind(status, members, retry_after_s)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no status of HTTP"


def _cut(body: bytes) -> str:
    """The beginning of a text, on one line."""
    return " ".join(body[: 4 * _MAX_TEXT_CHARS].decode(errors="replace").split())[:_MAX_TEXT_CHARS]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _faults(value: object) -> Sequence[ParameterFault]:
    try:
        return msgspec.convert(value or (), tuple[ParameterFault, ...])
    except msgspec.ValidationError:
        return ()

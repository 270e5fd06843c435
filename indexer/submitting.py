"""From the fields of one record to what is asked of the log: to show an article, to hold it, or to withdraw it.

    status             usable, or left out   it is put: shown, or held until `embargoed_until`
                       withheld, canceled    it is withdrawn; the reason is the status and `editor_note`
    embargoed_until    an instant, or a date  not before; a date is the beginning of that day, UTC

Contract: however a record comes in, `submission_of` says what is asked of the log, or raises `ArticleInvalid` and
nothing else, whatever the values are. What could publish too early is refused rather than guessed at: a status that
is not known, an embargo that cannot be read. A withdrawal needs an id and nothing else; nothing else stops it. An
article that waits may bear any date up to the end of its embargo.

Not here: the other fields (`article.py`), what a submission comes to (`events.py`), who submits (`client`).
"""

from collections.abc import Mapping
from typing import Any, Literal

from indexer.article import ArticleInvalid, checked_id, kind_of, validate
from indexer.dates import read_date
from indexer.events import MAX_REASON_CHARS, Submission

Status = Literal["usable", "withheld", "canceled"]

_STATUSES: Mapping[str, Status] = {
    "usable": "usable",
    "withheld": "withheld",
    "canceled": "canceled",
    "cancelled": "canceled",
}
_SHOWN_CHARS = 40


def status_of(value: Any) -> Status:
    """The status that a record names, whatever its case; also as a code of the IPTC's vocabulary (`stat:usable`).

    Raises:
        ArticleInvalid: it is none of them.
    """
    said = value.strip().lower() if isinstance(value, str) else value
    if said is None or said == "":
        return "usable"
    status = _STATUSES.get(said.rpartition(":")[2].rpartition("/")[2]) if isinstance(said, str) else None
    if status is None:
        raise ArticleInvalid(f"status is {_shown(value)}, not one of usable, withheld and canceled")
    return status


def submission_of(fields: Mapping[str, Any], *, now_ms: int) -> Submission:
    """What one record asks for.

    Args:
        fields: by their canonical names (`fields.py`).
        now_ms: the moment past which a date lies in the future.

    Raises:
        ArticleInvalid: it is no article, or it is not certain whether and when it may be shown.
    """
    article_id = checked_id(fields.get("id"))
    try:
        status = status_of(fields.get("status"))
        if status != "usable":
            return Submission(article_id, None, b"", "withdraw", reason=_reason(status, fields.get("editor_note")))
        until_ms = _embargoed_until_ms(fields.get("embargoed_until"))
    except ArticleInvalid as invalid:
        invalid.article_id = article_id
        raise
    valid = validate(fields, now_ms=max(now_ms, until_ms or 0))
    return Submission(article_id, valid.article, valid.digest, embargoed_until_ms=until_ms)


def _embargoed_until_ms(value: Any) -> int | None:
    until_ms, confidence = read_date(value)
    if confidence == "dropped":
        raise ArticleInvalid(
            f"embargoed_until is {_shown(value)}, neither a date like 2026-01-03 nor an instant like "
            "2026-01-03T09:00:00Z"
        )
    return until_ms


def _shown(value: Any) -> str:
    return repr(value[:_SHOWN_CHARS]) if isinstance(value, str) else kind_of(value)


def _reason(status: Status, note: Any) -> str:
    said = note.strip() if isinstance(note, str) else ""
    reason = f"{status}: {said}" if said else status
    return reason[:MAX_REASON_CHARS].replace("\0", "").encode(errors="replace").decode()

"""The headers of the API, declared once: what may be sent, and what comes back.

Contract: the OpenAPI document is made from these, and the tests hold real answers to them. `Content-Type`, `Accept`
and `Authorization` are no parameters there (OpenAPI 3.1, section 4.8.12.1): media types and security say them.

Not here: which operation has which (the operations), what handlers do with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_TEXT: Mapping[str, Any] = {"type": "string"}
_NUMBER: Mapping[str, Any] = {"type": "integer", "minimum": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One header of requests, or of answers."""

    name: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: _TEXT)
    example: Any = None
    always: bool = False
    """Whether every answer of an operation that has it, but for refusals, has this header."""


REQUEST_ID = Header(
    name="X-Request-Id",
    description="The id of this request, for logs and problems: 1 to 64 letters, digits, `.`, `_` and `-`. One that "
    "is missing or looks otherwise is replaced by one of ours.",
    example="newsroom-42",
)
IF_NONE_MATCH = Header(
    name="If-None-Match",
    description="Tags of answers that you have (`ETag`), or `*`: if one of them is still the answer, it is 304, "
    "without a body.",
    example='W/"2a-5f0c9b1de4c38a7746dd2c7b0f6a1e93"',
)
IF_MATCH = Header(
    name="If-Match",
    description='A version in quotes, such as `"3"`: change this version of the article and no other.',
    example='"1"',
)
IF_NEW = Header(
    name="If-None-Match",
    description="`*`: only if there is no such article.",
    example="*",
)
IDEMPOTENCY_KEY = Header(
    name="Idempotency-Key",
    description="A text of your choice that stands for this one request. Sent again under the same key, after "
    "whatever happened, it is done once and has the same job.",
    schema={"type": "string", "minLength": 1, "maxLength": 255},
    example="monday-edition",
)
LAST_EVENT_ID = Header(
    name="Last-Event-ID",
    description="Of a stream: the sequence after which to go on, as browsers send it when they connect again. Pages "
    "take no notice of it.",
    example="1",
)
RANGE = Header(name="Range", description="Only these bytes (RFC 9110, section 14).", example="bytes=0-99")

MADE_ID = Header(name="X-Request-Id", description="The id of this request, as it was logged.", always=True)
SNIFFED = Header(
    name="X-Content-Type-Options", description="`nosniff`: the body is what `Content-Type` says.", always=True
)
OF_ALL = (MADE_ID, SNIFFED)
"""What every answer has."""
CACHE_CONTROL = Header(name="Cache-Control", description="Who may keep the answer (RFC 9111).", always=True)
EPOCH = Header(
    name="Broadsheet-Epoch",
    description="The epoch that answered.",
    schema=_NUMBER,
    always=True,
)
INDEXED_THROUGH = Header(
    name="Broadsheet-Indexed-Through",
    description="The last log sequence that this epoch has applied, and when that was logged.",
    always=True,
)
ETAG = Header(name="ETag", description="What tells this answer from others, for `If-None-Match`; weak.")
OF_STATE = (CACHE_CONTROL, EPOCH, INDEXED_THROUGH)
VARY = Header(name="Vary", description="`Accept`, which decides between a page and a stream.", always=True)
OF_KEPT = (
    *OF_STATE,
    ETAG,
    Header(
        name="Cache-Status",
        description="Whether the answer was kept, where, and for how many seconds it still may be (RFC 9211).",
        always=True,
    ),
    Header(name="Age", description="For how many seconds it has been kept.", schema=_NUMBER),
    Header(
        name="Server-Timing",
        description="Where the time went, in milliseconds; not where the very address was answered a moment ago.",
    ),
)
"""What answers have that the cache may keep."""
LINK = Header(name="Link", description="`next`, `prev` and `first` (RFC 8288), as in the body.", always=True)
LOCATION = Header(name="Location", description="The address of the job.", always=True)
RETRY_AFTER = Header(name="Retry-After", description="In how many seconds to ask again.", schema=_NUMBER)
OF_JOBS = (CACHE_CONTROL, LOCATION, RETRY_AFTER)
OF_FILES = (
    CACHE_CONTROL,
    Header(name="ETag", description="What tells this file from others.", always=True),
    Header(name="Last-Modified", description="When it was written.", always=True),
    Header(name="Accept-Ranges", description="`bytes`: parts of it can be asked for.", always=True),
    Header(name="Repr-Digest", description="SHA-256 of the whole file (RFC 9530).", always=True),
)
"""What files have."""
OF_PROBLEMS = (
    *OF_ALL,
    CACHE_CONTROL,
    RETRY_AFTER,
    Header(name="WWW-Authenticate", description="Which kind of key is needed (RFC 6750)."),
    Header(name="Allow", description="The methods that are allowed here."),
)
"""What refusals may have."""

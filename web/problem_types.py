"""The types of problems: what each means, when it happens, what to do about it, and how it looks.

Contract: `TYPES` lists every problem the API can answer; documentation and the OpenAPI document are made from it. The
examples are what a server answers: tests provoke them, where a plain request can.

Not here: how a problem is raised and sent (`problems.py`), which of them a route raises (the route's operation).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemType:
    """One kind of problem; texts are for the documentation, with `backticks` around code."""

    status: int
    title: str
    meaning: str
    """What it says."""
    occurs: str
    """When it is answered."""
    cure: str
    """What to do."""
    detail: str
    """Of the example."""
    instance: str = "/v1/search"
    """The path of the example's request."""
    members: Mapping[str, Any] = field(default_factory=dict)
    """Further members of the example."""


_OTHER_CURSOR = {"errors": [{"parameter": "cursor", "detail": "belongs to another query"}]}
_COVERAGE = {
    "coverage": {
        "complete": False,
        "partitions": {"total": 8, "ok": 7, "failed": [{"partition": 5, "reason": "damaged"}]},
        "missed": [],
    }
}
_JOB = "/v1/jobs/01a20a4cd0a0728742bc770c62cee4f7"
_ARTICLE = "/v1/articles/2024-0001"
_BULK = "/v1/articles:bulk"

TYPES: Mapping[str, ProblemType] = {
    "parameter-invalid": ProblemType(
        status=400,
        title="A parameter is not acceptable",
        meaning="A parameter of the address, or a header, is not what the route takes. `errors` names each with what "
        "is wrong and what is right.",
        occurs="A value is out of bounds or misspelled, parameters do not go together, a parameter that takes one "
        "value was given twice, or there is no such parameter. The last two are refused since a silent typo is worse "
        "than an error.",
        cure="Correct what `errors` names, and send the request again.",
        detail="limit: '1000' is not a whole number from 1 to 100",
        members={"errors": [{"parameter": "limit", "detail": "'1000' is not a whole number from 1 to 100"}]},
    ),
    "query-invalid": ProblemType(
        status=400,
        title="The query cannot be executed",
        meaning="`detail` says which limit the query exceeds, or what of it is not understood; `errors` holds the "
        "position where it is known.",
        occurs="`q` is longer or more complicated than the limits of the query language allow, or, with "
        "`strict=true`, something in it is not understood. Without `strict` that never makes a query fail: `notes` "
        "of the answer tell it.",
        cure="Correct the text of `q`, or leave `strict` out.",
        detail="a quotation mark without a second one; it is left out",
        members={
            "errors": [
                {"parameter": "q", "detail": "a quotation mark without a second one; it is left out", "position": 7}
            ]
        },
    ),
    "cursor-invalid": ProblemType(
        status=400,
        title="The cursor is not one of ours",
        meaning="The cursor was not made by this service, was cut or altered, or was signed with a key that is no "
        "longer accepted.",
        occurs="A link was shortened or put together by hand, it belongs to another service, or the operator has "
        "taken a key out of `cursor_keys`.",
        cure="Leave the cursor out to start from the beginning. Follow `page.next` and `page.prev` as they are. "
        "Servers on several machines must be given the same `cursor_keys`.",
        detail="the cursor was not made here or is damaged; leave it out to start again",
        members={"errors": [{"parameter": "cursor", "detail": "is not one of ours"}]},
    ),
    "cursor-mismatch": ProblemType(
        status=400,
        title="The cursor belongs to another query",
        meaning="A cursor continues exactly the query, filters and order it was made for.",
        occurs="The query, a filter or the order was changed, and the cursor was kept. `limit`, `fields` and what "
        "else does not decide which articles are found may change on the way.",
        cure="Leave the cursor out to start from the beginning of the new query.",
        detail="the cursor belongs to another query; leave it out to start from the beginning",
        members=_OTHER_CURSOR,
    ),
    "unauthorized": ProblemType(
        status=401,
        title="A key is needed, and none that is valid was sent",
        meaning="The service does not know who asks. A key that has expired, was revoked or was cut is as good as "
        "none.",
        occurs="The service has keys, and this needs one; or the one that was sent is not valid, which is refused "
        "even where none is needed. Keys are never taken from the address.",
        cure="Send `Authorization: Bearer` with a key that `broadsheet keys add` made.",
        detail="the key is not known here, has expired or was revoked",
    ),
    "forbidden": ProblemType(
        status=403,
        title="This caller may not do this",
        meaning="The service knows who asks, and refuses all the same; `detail` says why.",
        occurs="The role of the key is too small: `admin` includes `write`, which includes `read`. Or the server has "
        "no keys, and the request may come from a web page of another site.",
        cure="Ask the operator for a key with a greater role. Where there are no keys, address the server as "
        "`localhost`, `127.0.0.1` or `[::1]` and send the request from a program, or make a key with "
        "`broadsheet keys add`.",
        detail="without keys this is not accepted from a web page of another site",
        instance=_ARTICLE,
    ),
    "article-invalid": ProblemType(
        status=422,
        title="This is no article",
        meaning="The body is JSON, but a field of it is not what an article needs. `detail` names the field, what is "
        "wrong with it and what is right.",
        occurs="`title` is missing, a text is too long or of another kind, `status` or `embargoed_until` cannot be "
        "read, or the id in the body is another one than in the address.",
        cure="Correct the field and send the article again. In bulk such a line is rejected, and stops no other.",
        detail="title is missing or empty",
        instance=_ARTICLE,
    ),
    "body-invalid": ProblemType(
        status=400,
        title="The body cannot be read",
        meaning="`detail` says where and why.",
        occurs="The body is no JSON, or no object; or a takedown has other members than `id` and `reason`.",
        cure="Send one JSON object. Many articles go to `/v1/articles:bulk`, as NDJSON.",
        detail="broken JSON: unexpected end of data at character 2",
        instance=_ARTICLE,
    ),
    "body-too-large": ProblemType(
        status=413,
        title="The body is too large",
        meaning="`detail` says how large it may be.",
        occurs="An article has more than 1,048,576 bytes as JSON, or a takedown more than 16,384.",
        cure="Shorten it. A bulk body as a whole has no limit, but each of its lines has that of an article.",
        detail="it may have 1,048,576 bytes as JSON",
        instance=_ARTICLE,
    ),
    "body-too-slow": ProblemType(
        status=408,
        title="The body did not come",
        meaning="The service has stopped waiting for the rest of the body.",
        occurs="Nothing of it arrived for half a minute.",
        cure="Send it again, with the same `Idempotency-Key`: what was logged of a bulk body stays, and only what is "
        "missing is added.",
        detail="nothing came for 30 s",
        instance=_BULK,
    ),
    "media-type-unsupported": ProblemType(
        status=415,
        title="This kind of body is not accepted here",
        meaning="`detail` names the `Content-Type` that is.",
        occurs="A bulk body was sent as something else than NDJSON.",
        cure="Send one JSON object a line, with `Content-Type: application/x-ndjson`. Files of other formats are "
        "indexed with `broadsheet index`.",
        detail="send application/x-ndjson, one article a line; not 'text/csv'",
        instance=_BULK,
    ),
    "version-conflict": ProblemType(
        status=412,
        title="The article is at another version",
        meaning="`If-Match` names the version that was to be changed, but another is shown now, or none. With "
        "`If-None-Match: *` there is one already.",
        occurs="Somebody else has changed the article since you read it.",
        cure="Read the article, decide whether your change still holds, and send it with its present `version`.",
        detail="the article is not at the version that If-Match names",
        instance=_ARTICLE,
    ),
    "article-taken-down": ProblemType(
        status=410,
        title="The article was taken down",
        meaning="For good: nothing under its id is accepted or shown any more.",
        occurs="The article was the subject of `POST /v1/takedowns`.",
        cure="Remove your copies of it, too. What must come back comes under another id.",
        detail="'2024-0003' was taken down",
        instance="/v1/articles/2024-0003",
    ),
    "job-not-found": ProblemType(
        status=404,
        title="There is no such job",
        meaning="Nothing is known under the id in the address.",
        occurs="The id was never that of a job here, or the job began more than seven days ago, or an export was "
        "removed. Takedowns are remembered for good.",
        cure="Take the address from `Location` or `links.self` of the answer that began the job. To learn what "
        "became of a write whose job is forgotten, ask for the article.",
        detail="there is no job 01a20a4cd0a0728742bc770c62cee4f7",
        instance=_JOB,
    ),
    "job-not-cancelable": ProblemType(
        status=409,
        title="The job cannot be canceled",
        meaning="Exports can be canceled. What a write logged stays, and a takedown is for good.",
        occurs="`DELETE /v1/jobs/{id}` names a write or a takedown.",
        cure="To undo a write, write again: `PUT` what was there before, or `DELETE` the article.",
        detail="only exports can be canceled",
        instance=_JOB,
    ),
    "idempotency-busy": ProblemType(
        status=409,
        title="The request with this key is being received",
        meaning="Another request with the same `Idempotency-Key` is under way.",
        occurs="A client sent the request again before the first one had ended, which may still be uploading.",
        cure="Wait until the first one has ended, and look at its job. If it broke off, send the request again then.",
        detail="the request with this key is being received",
        instance=_BULK,
    ),
    "idempotency-mismatch": ProblemType(
        status=422,
        title="The key was used for another request",
        meaning="An `Idempotency-Key` stands for one request, with one body.",
        occurs="The key was sent before, by the same caller, with another body, address or parameter.",
        cure="Take a new key for each new request; keep a key only to send the very same request again.",
        detail="this Idempotency-Key was used with another request",
        instance=_ARTICLE,
    ),
    "not-found": ProblemType(
        status=404,
        title="There is nothing at this address",
        meaning="No route has this address.",
        occurs="The address is misspelled, has a slash too many, or an id in it was not percent-encoded.",
        cure="See `/docs` for the addresses there are. Percent-encode ids, their slashes too.",
        detail="GET /v1/searches: not found",
        instance="/v1/searches",
    ),
    "article-not-found": ProblemType(
        status=404,
        title="There is no article with this id",
        meaning="Nothing can be shown or changed under the id in the address.",
        occurs="The id is unknown, the article was withdrawn, or it waits for the end of an embargo: nobody is told "
        "which, but `/v1/changes` tells withdrawals.",
        cure="Check the id, and that it is percent-encoded. After a write, ask with its `min_seq`.",
        detail="there is no article with the id '2024-9999'",
        instance="/v1/articles/2024-9999",
    ),
    "method-not-allowed": ProblemType(
        status=405,
        title="This method is not allowed here",
        meaning="There is something at this address, but not for this method.",
        occurs="For example, a search was sent with POST.",
        cure="The `Allow` header lists the methods that are. Reads are GET.",
        detail="POST /v1/search: method not allowed",
    ),
    "cursor-expired": ProblemType(
        status=410,
        title="The state of the archive that the cursor points into is no longer kept",
        meaning="A walk stays in the state of the archive in which it began. That state was replaced longer ago than "
        "`retain_seconds` says (an hour, unless the operator has set another time).",
        occurs="Somebody goes on with a walk after a long pause, or the index was rebuilt or rolled back.",
        cure="`links.resume` continues from the same place in the newest state; the walk may then repeat or skip "
        "articles whose rank changed in between.",
        detail="epoch 3 is no longer kept; follow links.resume to go on in epoch 9",
        members={
            "errors": [{"parameter": "cursor", "detail": "points into a state that is no longer kept"}],
            "links": {"resume": "/v1/search?q=harbour&cursor=BAEAAAAA"},
        },
    ),
    "uri-too-long": ProblemType(
        status=414,
        title="The address is too long",
        meaning="Path and query together have more than 8,192 bytes.",
        occurs="A query or a list of filters was made by a program that knows no bounds.",
        cure="Shorten the query, or ask in several requests.",
        detail="the address is longer than 8192 bytes",
    ),
    "internal": ProblemType(
        status=500,
        title="Something went wrong on our side",
        meaning="The service met an error that nobody expected. The caller has done nothing wrong.",
        occurs="There is a fault in the service, or in the machine below it.",
        cure="Report the `request_id`: the log has the details under it. A read may be asked again; a write, with "
        "the same `Idempotency-Key`.",
        detail="the request could not be answered; it was logged under its request id",
    ),
    "overloaded": ProblemType(
        status=503,
        title="The service is full",
        meaning="There is no room for the request just now; it was refused at once, so that those under way are "
        "answered in time.",
        occurs="All places for searches and their queue are taken, too many bodies are being received or too many "
        "callers wait for changes, more changes wait to be indexed than `max_backlog` says, or the archive just "
        "changed.",
        cure="Ask again after the seconds that `Retry-After` gives.",
        detail="all places are taken; ask again later",
    ),
    "log-unusable": ProblemType(
        status=503,
        title="The log cannot be used just now",
        meaning="`detail` says why: the disk is full, or fails. Searches go on. What was answered so is not "
        "acknowledged.",
        occurs="The event log cannot be read or written.",
        cure="Send it again, with the same `Idempotency-Key`, after the seconds that `Retry-After` gives. The "
        "operator makes room on the disk, or looks after it.",
        detail="the event log cannot be written (database or disk is full); put that right and run again",
        instance=_ARTICLE,
    ),
    "not-ready": ProblemType(
        status=503,
        title="The archive has nothing to search yet",
        meaning="No epoch of the archive is open.",
        occurs="The service has just started, nothing was ever indexed, or the data folder is another one than was "
        "meant.",
        cure="Index some articles, or ask again after the seconds that `Retry-After` gives. `/readyz` says when "
        "searches can be answered.",
        detail="no epoch is open yet",
    ),
    "not-indexed-yet": ProblemType(
        status=503,
        title="The index is not that far yet",
        meaning="`min_seq` asks for an epoch that has applied this log sequence, and none had before the deadline.",
        occurs="The change was logged a moment ago, much waits to be indexed, or no server indexes.",
        cure="Ask again after the seconds that `Retry-After` gives, or leave `min_seq` out and be content with what "
        "is there.",
        detail="log sequence 9000000 is not searchable yet; 8 is",
    ),
    "partial-results": ProblemType(
        status=503,
        title="Some partitions did not answer",
        meaning="Where it is known which, `coverage` names them with the reason.",
        occurs="A partition is damaged or was too slow, and the request does not say that the rest of the answer "
        "will do.",
        cure="Ask again, or allow a partial answer with `allow_partial=true`. The operator runs `broadsheet check`.",
        detail="partitions did not answer: 5 (damaged)",
        members=_COVERAGE,
    ),
    "timeout": ProblemType(
        status=504,
        title="Nothing was found out in time",
        meaning="The answer was not ready before the deadline of the request.",
        occurs="The query is expensive, `timeout_ms` is small, or the machine is busy.",
        cure="Simplify the query, or allow it more time with `timeout_ms`.",
        detail="the answer was not ready in time",
    ),
}


def type_address(slug: str) -> str:
    """The `type` of a problem: the address of its page, relative to the service."""
    return f"/docs/problems/{slug}"


def example_of(slug: str) -> dict[str, Any]:
    """The body of the example of a problem."""
    kind = TYPES[slug]
    return {
        "type": type_address(slug),
        "title": kind.title,
        "status": kind.status,
        "detail": kind.detail,
        "instance": kind.instance,
        "request_id": "5f0c9b1de4c38a77",
        **kind.members,
    }

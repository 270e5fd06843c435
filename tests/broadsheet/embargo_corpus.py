"""A corpus with embargoes, and two archives made of it: one got all of it, its twin never got what waits.

Every field of an article under embargo holds words that begin with `MARK` and occur nowhere else, beside words that
all others have. Articles come in by all intakes, open ones and secret ones mixed: tables and lines by `index`, a feed
by `follow`, `PUT` and bulk by a server. Some of the secret ones are new, others correct an article that is shown, and
a few are taken back again.

Contract: deterministic. Both archives get the open records in the same order and transactions, and publish at the
same moments, so that whatever differs comes from what waits.

Not here: what is asked of them (`route_asking.py`).
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal
from urllib.parse import quote

import orjson

from indexer.feeds.sink import article_id_of
from tests import commands
from tests.api_server import ApiServer
from tests.archive import publish

MARK = "zyq"
"""How all secret words begin, in lower case."""
EVERYWHERE = f"{MARK}everywhere"
"""A word of every article under embargo."""
UNTIL = "2100-01-01T00:00:00Z"
PARTITIONS = 3
OPEN_EACH, NEW_EACH, CORRECTED_EACH = 14, 6, 2
"""Records of each intake."""
NDJSON = {"Content-Type": "application/x-ndjson"}

Intake = Literal["jsonl", "csv", "feed", "put", "bulk"]
INTAKES: tuple[Intake, ...] = ("jsonl", "csv", "feed", "put", "bulk")
_SUBJECTS = ("budget", "tariff", "election", "storm", "veterans")
_WORDS = re.findall(r"\w+", "the senate house vote of and health care reform climate summit school road river bill")


@dataclass(frozen=True, slots=True)
class Record:
    """One article as it is sent."""

    intake: Intake
    secret: bool
    fields: dict[str, Any]


def records() -> list[Record]:
    """All of them, in the order in which they are sent."""
    random, made = Random(1), []
    for number, intake in enumerate(INTAKES):
        opened = [_open(random, intake, place) for place in range(OPEN_EACH)]
        codes = [f"{MARK}{'bcdfg'[number]}{letter}" for letter in "aeiouykl"]
        new = [_secret(random, code) for code in codes[:NEW_EACH]]
        corrected = [
            _secret(random, code) | {"id": opened[place]["id"]}
            for place, code in enumerate(codes[NEW_EACH : NEW_EACH + CORRECTED_EACH])
        ]
        mixed = [Record(intake, False, fields) for fields in opened]
        for fields in new:
            mixed.insert(random.randrange(len(mixed)), Record(intake, True, fields))
        made += [*mixed, *(Record(intake, True, fields) for fields in corrected)]
        if intake in {"put", "bulk"}:
            taken_back = {"id": new[0]["id"], "status": "canceled", "editor_note": f"{codes[0]}note"}
            made.append(Record(intake, True, taken_back))
    return made


def _open(random: Random, intake: Intake, place: int) -> dict[str, Any]:
    subject = _SUBJECTS[place % len(_SUBJECTS)]
    return {
        "id": f"{intake}/{place}",
        "title": f"{subject.title()} {random.choice(_WORDS)}",
        "body": f"{' '.join(random.choices(_WORDS, k=30))} {subject}",
        "summary": " ".join(random.choices(_WORDS, k=6)),
        "authors": random.choice(("Ann Storm", "Bo Vote")),
        "source": random.choice(("Wire", "The Post")),
        "section": random.choice(("Politics", "Sport")),
        "tags": random.choice(("veterans", "health")),
        "language": "en",
        "url": f"https://news.example/{intake}/{place}",
        "published_at": f"200{place % 8}-0{1 + place % 9}-10",
        "modified_at": f"201{place % 5}-01-01",
    }


def _secret(random: Random, code: str) -> dict[str, Any]:
    words = " ".join(random.choices(_WORDS, k=20))
    return {
        "id": f"{code}id/1",
        "title": f"Storm {code}title",
        "body": f"{words} budget {code}body {EVERYWHERE}",
        "summary": f"{code}summary of the election",
        "authors": f"Ann {code}author",
        "source": f"{code}source",
        "section": f"{code}section",
        "tags": f"{code}tag",
        "language": f"{code}language",
        "url": f"https://news.example/{code}url",
        "published_at": "1999-09-09",
        "modified_at": "2099-09-09",
        "editor_note": f"{code}note",
        "embargoed_until": UNTIL,
    }


def article_ids(feed: Path, *, secret: bool, new: bool = True) -> list[str]:
    """Ids of the open articles, or of those that wait: the new ones, or those that are corrected."""
    own = {record.fields["id"]: record for record in records() if record.secret == secret}
    chosen = [record for name, record in own.items() if not secret or name.startswith(MARK) == new]
    return [
        article_id_of(str(feed), record.fields["id"]) if record.intake == "feed" else record.fields["id"]
        for record in chosen
    ]


def make(root: Path, feed: Path, *, secrets: bool) -> None:
    """An archive of all records, or of the open ones only; `feed` is the file that is followed."""
    sent = [record for record in records() if secrets or not record.secret]
    lines, table = root.with_suffix(".jsonl"), root.with_suffix(".csv")
    lines.write_bytes(b"".join(_lines(_of("jsonl", sent))))
    table.write_text(_table(_of("csv", sent)))
    _run("index", lines, table, "--data", root, "--partitions", PARTITIONS)
    for last in (False, True):
        feed.write_bytes(orjson.dumps([_ninjs(fields) for fields in _issue(_of("feed", sent), last=last)]))
        (root / "feeds.sqlite").unlink(missing_ok=True)  # or it would not be asked again so soon
        _run("follow", feed, "--data", root, "--once")
    with ApiServer(root) as server:
        for fields in _of("put", sent):
            address = f"/v1/articles/{quote(fields['id'], safe='')}"
            server.client.put(address, content=orjson.dumps(fields)).raise_for_status()
        body = b"".join(_lines(_of("bulk", sent)))
        server.client.post("/v1/articles:bulk", content=body, headers=NDJSON).raise_for_status()
    publish(root, (), partitions=PARTITIONS)


def _run(*arguments: object) -> None:
    done = commands.run(*map(str, arguments), builders=1)
    assert done.returncode == 0, done.stderr


def _of(intake: Intake, sent: Sequence[Record]) -> list[dict[str, Any]]:
    return [record.fields for record in sent if record.intake == intake]


def _lines(rows: Sequence[dict[str, Any]]) -> Iterator[bytes]:
    return (orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


def _table(rows: Sequence[dict[str, Any]]) -> str:
    columns = list(_secret(Random(), MARK))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _issue(rows: Sequence[dict[str, Any]], *, last: bool) -> list[dict[str, Any]]:
    """What the feed says first, and at last."""
    # Then so many more wait that statistics would be due, if they counted.
    return list({row["id"]: row for row in rows if last or "embargoed_until" not in row}.values())


def _ninjs(fields: dict[str, Any]) -> dict[str, Any]:
    """The same in the names of ninjs 1.x."""
    item = {
        "uri": fields["id"],
        "headline": fields["title"],
        "body_text": fields["body"],
        "description_text": fields["summary"],
        "byline": fields["authors"],
        "infosource": [{"name": fields["source"]}],
        "keyword": [fields["tags"]],
        "language": fields["language"],
        "renditions": {"web": {"href": fields["url"], "mimetype": "text/html"}},
        "firstcreated": fields["published_at"],
        "versioncreated": fields["modified_at"],
        "ednote": fields.get("editor_note"),
        "embargoed": fields.get("embargoed_until"),
    }
    return {name: value for name, value in item.items() if value is not None}

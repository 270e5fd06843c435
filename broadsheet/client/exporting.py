"""Exports: all that a search finds, as one state of the archive has it; each an operation (`steps.py`).

Contract: an export is begun once, waited for, and read part by part. A part that breaks off goes on at the byte
where it did. Its lines are handed on as they come, and at its end they are compared with the SHA-256 that the
server gave with them; a part that was written again meanwhile, since an article in it was taken down, is noticed.
What has no key goes from the server when all of it was read.

Not here: parts that are listed before an export is done: it may begin anew, with parts of other numbers.
"""

import base64
import hashlib
from collections.abc import Mapping

from broadsheet.client.answers import Item
from broadsheet.client.asking import Asker
from broadsheet.client.errors import ChecksumError, NotFoundError
from broadsheet.client.job_answers import ExportPart, JobAnswer
from broadsheet.client.lines import Lines
from broadsheet.client.parameters import pairs_of, target
from broadsheet.client.reading import followed
from broadsheet.client.steps import Emit, Operation, Request, Stream
from broadsheet.client.writing import cancel_job, job_path, new_key, wait_for


def start_export(asker: Asker, q: str, options: Mapping[str, object], *, key: str | None) -> Operation[JobAnswer]:
    """Begin an export, or find the one that has this key."""
    address = target("/v1/exports", [*([("q", q)] if q else []), *pairs_of(options)])
    return asker.value(Request("POST", address, (("Idempotency-Key", key or new_key()),)), JobAnswer)


def export_parts(asker: Asker, job: JobAnswer, *, after: int) -> Stream[ExportPart]:
    """The parts of an export with a number above `after`, when it is done."""
    done = yield from wait_for(asker, job, None)
    lines = Lines(asker, f"{job_path(done.id)}/results")
    while (line := (yield from lines.next())) is not None:
        part = asker.decoded(line, ExportPart)
        if part.part > after:
            yield Emit(part)


def part_lines(asker: Asker, part: ExportPart) -> Stream[bytes]:
    """The lines of a part, without their ends."""
    lines = _Checked(asker, part)
    while (line := (yield from lines.next())) is not None:
        yield Emit(line)


def export(asker: Asker, q: str, options: Mapping[str, object], *, key: str | None) -> Stream[Item]:
    """The articles of all parts."""
    job = yield from start_export(asker, q, options, key=key)
    job = yield from wait_for(asker, job, None)
    listed = Lines(asker, f"{job_path(job.id)}/results")
    parts = []
    while (line := (yield from listed.next())) is not None:
        parts.append(asker.decoded(line, ExportPart))
    for part in parts:
        lines = _Checked(asker, part)
        while (line := (yield from lines.next())) is not None:
            yield Emit(asker.decoded(line, Item))
    if key is None:
        try:
            yield from cancel_job(asker, job.id)
        except NotFoundError:  # its time had come
            return


class _Checked:
    """The lines of a part, which come to what they should."""

    def __init__(self, asker: Asker, part: ExportPart) -> None:
        self._part = part
        self._lines = Lines(asker, followed(asker, part.href) or "", ranged=True)
        self._digest = hashlib.sha256()
        self._told: str | None = None

    def next(self) -> Operation[bytes | None]:
        """The next line.

        Raises:
            ChecksumError: what was read is not the part; also ProblemError, UnreachableError, AnswerError.
        """
        line = yield from self._lines.next()
        told = self._lines.answer.headers.get("repr-digest")
        if self._told is not None and told != self._told:
            raise ChecksumError(
                f"part {self._part.part} was written again while it was read, as when an article in it is taken "
                "down; list the parts again and read it from its beginning"
            )
        self._told = told
        if line is not None:
            self._digest.update(line + b"\n")
            return line
        found = f"sha-256=:{base64.b64encode(self._digest.digest()).decode()}:"
        if found != told and self._digest.hexdigest() != self._part.sha256:
            raise ChecksumError(
                f"part {self._part.part} comes to {self._digest.hexdigest()}, not to {self._part.sha256}; "
                "read it again, and look at what stands between here and the server"
            )
        return None

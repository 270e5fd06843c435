"""Files to a server: what `broadsheet index --url` does.

Contract: files are read, and their fields named, as for a folder (`indexer/readers/`, `indexer/fields.py`); the
server decides what is an article. Every line is accepted or rejected, and counted as with a folder, and at the end
all of it is searchable. A batch of articles is in memory. Whatever ends a run early, running it again goes on: what
the server has is not changed by the same again.

Not here: batches and what is sent again (`client/bulk.py`).
"""

import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from broadsheet.client import Client, JobAnswer
from broadsheet.remote import state_of
from indexer.bulk import Reporter, Summary
from indexer.fields import FieldMap, has_column_numbers
from indexer.readers import Record, Records, open_records
from indexer.rejects import Reject, RejectsFile

SHOWN_REJECTS = 20
INDEXED_S = 600.0
"""How long it is waited until everything can be found."""
_REPORT_AFTER = 100
"""Records after which it is said what was taken for what, as with a folder."""
_CHANGES = ("created", "corrected", "held", "withdrawn", "parked")


def send(
    client: Client, paths: Sequence[Path], mapping: Mapping[str, str], rejects: Path | None, told: Reporter
) -> Summary:
    """Send files, folders and standard input (`-`), and wait until all of it is searchable.

    Args:
        client: of the server.
        paths: what to read.
        mapping: canonical field name to the name in the files, besides the names that are recognised.
        rejects: the file for lines that are no articles; without one the first are told on standard error.
        told: who is told how it goes.

    Raises:
        InputError: a path does not exist; nothing was sent.
        OSError: rejects cannot be written.
        BroadsheetError: the server refuses, or is gone for too long.
    """
    started_s = time.monotonic()
    records = open_records(paths, header=not has_column_numbers(mapping))
    with RejectsFile(rejects) if rejects else nullcontext() as file:
        sending = _Sending(records, FieldMap(mapping), file, told)
        sending.run(client)
    state = state_of(client)
    return Summary(
        lines=records.lines,
        accepted=records.lines - sending.rejected,
        rejected=sending.rejected,
        changed=sum(sending.statuses[one] for one in _CHANGES),
        articles=state.articles if state else 0,
        epoch=state.epoch if state else 0,
        seconds=time.monotonic() - started_s,
    )


class _Sending:
    """Sends records, counting what becomes of each."""

    def __init__(self, records: Records, fields: FieldMap, file: RejectsFile | None, told: Reporter) -> None:
        """Args: what is sent; what names mean; where rejects go, if anywhere but to the screen; who is told."""
        self._records, self._fields, self._file, self._told = records, fields, file, told
        self._under_way: deque[Record] = deque()
        self.statuses: Counter[str] = Counter()
        self.rejected = 0

    def run(self, client: Client) -> None:
        """Send all, and wait until it is searchable.

        Raises:
            BroadsheetError
            OSError: rejects cannot be written.
        """
        last: JobAnswer | None = None
        for batch in client.bulk(self._articles()):
            for one in batch.results:
                record = self._under_way.popleft()
                self.statuses[one.status] += 1
                if one.status == "rejected":
                    self._reject(record.reject(one.error or "", one.id))
            if last is None or batch.job.min_seq >= last.min_seq:
                last = batch.job
            self._told.reading(self._records.lines, self._records.meter.read_bytes, self._records.total_bytes)
        if self._records.records < _REPORT_AFTER:
            self._report_fields()
        if last and not last.ended:
            self._told.note("all of it is sent and durable; it is being indexed")
            client.wait_for(last, timeout_s=INDEXED_S)

    def _articles(self) -> Iterator[Mapping[str, Any]]:
        for item in self._records:
            if isinstance(item, Reject):
                self._reject(item)
                continue
            self._under_way.append(item)
            named = self._fields.rename(item.values)
            if self._records.records == _REPORT_AFTER:
                self._report_fields()
            yield named

    def _reject(self, reject: Reject) -> None:
        self.rejected += 1
        if self._file:
            self._file.write(reject)
        elif self.rejected <= SHOWN_REJECTS:
            sys.stderr.write(f"{reject.file}:{reject.line}: {reject.reason}\n")

    def _report_fields(self) -> None:
        for line in self._fields.report():
            self._told.note(line)

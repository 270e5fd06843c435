"""How the jobs of the last hour stand, counted by kind.

Contract: a job is counted under the status that `GET /v1/jobs/{id}` tells. Counting is bounded (`jobs.MAX_COUNTED`,
`sagas.MAX_TOLD`). Single writes are no jobs here, since they are in the log only.

Not here: what is told of one job (`writing.py`).
"""

from collections import Counter
from collections.abc import Callable

from indexer.jobs import Job, JobStore
from indexer.sagas import SagaStore
from indexer.writing import Status, saga_view

COUNTED_MS = 3600 * 1000
"""For how long a job counts after it began; a saga that has not ended, always."""

JobCounts = dict[str, Counter[Status]]
"""How many there are in each status, by kind."""


def job_counts(
    jobs: JobStore, sagas: SagaStore, is_received: Callable[[Job], bool], *, now_ms: int, applied_seq: int
) -> JobCounts:
    """Count the jobs.

    Args:
        jobs: where write requests are remembered.
        sagas: where takedowns and exports are.
        is_received: whether a process is receiving a bulk request.
        now_ms: the time.
        applied_seq: what is searchable.

    Raises:
        JobsError
    """
    since_ms = max(0, now_ms - COUNTED_MS)
    received, failed, receiving = jobs.of_late(since_ms, applied_seq)
    bulk: Counter[Status] = Counter()
    bulk.update({"succeeded": received.get(True, 0), "running": received.get(False, 0), "failed": failed})
    for job in receiving:
        if is_received(job):
            bulk["running"] += 1
            continue
        ended = jobs.find(job.id) or job  # it may have ended between the two
        bulk[
            "failed" if ended.state != "received" else "succeeded" if ended.last_seq <= applied_seq else "running"
        ] += 1
    counts: JobCounts = {"bulk": bulk}
    for saga_id in sagas.of_late(since_ms):
        if saga := sagas.find(saga_id):
            counts.setdefault(saga.kind, Counter())[saga_view(saga).status] += 1
    return counts

"""Which epoch answers: the current one, once there is one, and once it knows what the caller has written.

Not here: which states are open (`snapshot.py`), who follows the epochs (`epochs.py`).
"""

from partition.manifest import RootManifest
from search.epochs import Epochs
from web.problems import Problem


def current_of(epochs: Epochs) -> RootManifest:
    """The epoch that new requests are answered from.

    Raises:
        Problem: `not-ready`.
    """
    if epochs.current is None:
        raise Problem("not-ready", "no epoch is open yet", headers={"Retry-After": "1"})
    return epochs.current


async def reached(epochs: Epochs, min_seq: int, deadline_s: float) -> RootManifest:
    """The same, once it has applied a log sequence.

    Raises:
        Problem: `not-ready` or `not-indexed-yet`.
    """
    current = current_of(epochs)
    if current.applied_seq < min_seq and not await epochs.reach(min_seq, deadline_s):
        detail = f"log sequence {min_seq} is not searchable yet; {current_of(epochs).applied_seq} is"
        raise Problem("not-indexed-yet", detail, headers={"Retry-After": "1"})
    return current_of(epochs)

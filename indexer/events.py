"""The events of an archive: what may be submitted, what it does to an article, and what a log of them promises.

    submitted   put, withdraw, restore, takedown, retry
    logged      put, correct, hold, cancel, lift, withdraw, restore, takedown, retry; of no article: statistics, and
                reshard, from which on articles are routed over another number of partitions

A version under embargo is a `hold`: it waits in the log and concerns no partition, until a `lift` brings it. Its
number is given out only then, so that nobody can tell from the numbers what waits. Taken back before that it is a
`cancel`, which concerns none either; readers are told of neither (`notice_of`). A takedown is for good: nothing under
its id is taken any more. An event says all that is to be seen of its article from there on: so one that cannot be
applied (it is *parked*) holds up nothing, and a later one of its article, or a `retry`, takes its place.

Contract: `decide` is a pure function, so that any log gives the same outcomes for the same submissions. `Log` is what
every log must do; `tests/indexer/log_contract.py` holds an adapter to it.

Not here: where events are kept (`log.py`), what they do to the index (`builder.py`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Literal, NamedTuple, Protocol

from partition.types import Article

Action = Literal["put", "withdraw", "restore", "takedown", "retry"]
Kind = Literal[
    "put", "correct", "hold", "cancel", "lift", "withdraw", "restore", "takedown", "retry", "statistics", "reshard"
]
NoticeKind = Literal["created", "corrected", "withdrawn", "restored", "taken_down"]
Changed = Literal["created", "corrected", "held", "withdrawn", "restored", "taken down", "retried"]
Unchanged = Literal["unchanged", "absent", "conflict", "blocked"]
Status = Changed | Unchanged
"""What became of a submission. `unchanged`: the same again; `absent`: there is nothing to withdraw, restore or retry;
`conflict`: another version is there than was expected; `blocked`: the article was taken down."""
State = Literal["absent", "live", "withdrawn", "down"]

MAX_REASON_CHARS = 1000
MAX_RETRY_AFTER_S = 300
LIFTED_AT_MOST = 2000
"""Versions that one transaction lifts: others who write wait no longer than that takes."""
MAX_HISTORY = 10_000
"""Events of one article that are looked through."""


class LogError(Exception):
    """The log cannot be used as asked; the message says why and what to do."""


class LogFullError(LogError):
    """So much waits to be indexed that no more is taken; nothing of the submissions was logged."""

    def __init__(self, drain: "Drain", bound: int) -> None:
        super().__init__(f"{drain.waiting:,} changes wait to be indexed; submit again when there are fewer")
        self.retry_after_s = drain.seconds_until_room(bound)


class OtherSubmissionError(LogError):
    """A message id came again with something else; nothing of the submissions was logged."""


class Drain(NamedTuple):
    """How the index follows the log."""

    waiting: int
    """Events that are not applied yet."""
    per_s: int
    """Events that were applied in a second, when they last had to be; 0 where that is not known."""

    def seconds_until_room(self, bound: int) -> int:
        """In how many seconds, at this rate, a tenth of `bound` will be free; from 1 to `MAX_RETRY_AFTER_S`."""
        excess = self.waiting - bound * 9 // 10
        return max(1, min(MAX_RETRY_AFTER_S, -(-excess // max(1, self.per_s))))


@dataclass(frozen=True, slots=True)
class Submission:
    """What a caller asks to log."""

    article_id: str
    article: Article | None
    """What is put; else `None`."""
    digest: bytes
    """Equal digests mean equal articles, as submitted."""
    action: Action = "put"
    embargoed_until_ms: int | None = None
    """Of a put: not before, as it was said; one that has ended is none."""
    expected_version: int | None = None
    """Only if this version is shown now, 0 for none."""
    reason: str = ""
    """Of a withdrawal or a takedown."""
    client: str = ""
    """Whose it is."""
    message_id: bytes | None = None
    """The same id again is the same submission: it has the outcome of the first time, and is not done again."""

    @property
    def identity(self) -> bytes:
        """Eight bytes that differ where something else is submitted, whenever that is."""
        said = f"{self.action}\0{self.article_id}\0{self.reason}\0{self.embargoed_until_ms}\0"
        return blake2b(said.encode(errors="surrogatepass") + self.digest, digest_size=8).digest()


class Outcome(NamedTuple):
    """What became of a submission."""

    status: Status
    seq: int | None
    """The sequence of its event; `None` where nothing changed that anybody will see."""
    version: int
    """The article's version after it: that which waits, if it is held; 0 if none was ever shown."""


@dataclass(frozen=True, slots=True)
class Event:
    """One logged event of an article."""

    seq: int
    kind: Kind
    partition: int | None
    """`None` for a `hold` and a `cancel`, which concern none."""
    article_id: str
    version: int
    """Ordinal of this version of the article, from 1, withdrawals included."""
    created_ms: int
    article: Article | None
    """What is shown from here on, or waits; `None` for withdrawals and takedowns."""
    reason: str = ""
    fault: str = ""
    """Why the article cannot be read."""
    notice: NoticeKind | None = None
    """What readers are told of it."""


class Brought(NamedTuple):
    """What one event of an article brought, for whoever compares texts."""

    seq: int
    kind: Kind
    article_id: str
    previous: int
    """The article's event before; 0 of its first."""
    article: Article | None
    """Of a `put`, `correct` or `lift` whose text can be read: what is shown from here on."""


class Notice(NamedTuple):
    """What readers are told of one event."""

    seq: int
    kind: NoticeKind
    article_id: str
    version: int
    created_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Held:
    """A version that waits."""

    seq: int
    version: int
    until_ms: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with an article, after its last event."""

    state: State = "absent"
    version: int = 0
    """The last that was given out."""
    shown: int = 0
    """The version that is, or was, to be seen."""
    digest: bytes | None = None
    """Of the version that is, or was, to be seen."""
    seq: int = 0
    """Of its last event."""
    body_seq: int = 0
    """Of the event that holds what is, or was, to be seen."""
    held: Held | None = None


class Decision(NamedTuple):
    """What a submission comes to."""

    status: Status
    kind: Kind | None
    """`None` if there is no event."""
    standing: Standing
    """Afterwards."""
    waiting: int | None = None
    """The version that was submitted, if it waits."""


def decide(now: Standing, submission: Submission, *, seq: int, now_ms: int) -> Decision:
    """What to do with a submission, if its event would have the sequence `seq` at the time `now_ms`."""
    action, expected = submission.action, submission.expected_version
    if now.state == "down":
        return Decision("unchanged" if action == "takedown" else "blocked", None, now)
    if expected is not None and expected != (now.shown if now.state == "live" else 0):
        return Decision("conflict", None, now)
    version = now.version + 1
    following = replace(now, version=version, seq=seq, held=None)
    match action:
        case "put":
            return _put(now, submission, following, now_ms)
        case "withdraw":
            return _withdraw(now, following)
        case "restore":
            if now.state != "withdrawn":
                return Decision("absent", None, now)
            return Decision("restored", "restore", replace(following, state="live", shown=version))
        case "retry":
            retried = Decision("retried", "retry", replace(now, seq=seq))
            return Decision("absent", None, now) if now.state == "absent" else retried
        case "takedown":
            return Decision("taken down", "takedown", Standing("down", version, seq=seq))


def _withdraw(now: Standing, following: Standing) -> Decision:
    if now.state == "live":
        return Decision("withdrawn", "withdraw", replace(following, state="withdrawn"))
    if now.held:
        return Decision("withdrawn", "cancel", replace(now, seq=following.seq, held=None))
    return Decision("absent", None, now)


def _put(now: Standing, submission: Submission, following: Standing, now_ms: int) -> Decision:
    until_ms, digest, live = submission.embargoed_until_ms, submission.digest, now.state == "live"
    waits = until_ms is not None and until_ms > now_ms
    if live and digest == now.digest:
        if now.held is None or waits:
            return Decision("unchanged", None, now)
        # What waits is taken back, and what is shown stays as it is.
        return Decision("unchanged", "cancel", replace(now, seq=following.seq, held=None))
    if until_ms is not None and waits:
        if now.held and (now.held.digest, now.held.until_ms) == (digest, until_ms):
            return Decision("unchanged", None, now, now.held.version)
        held = Held(following.seq, following.version, until_ms, digest)
        return Decision("held", "hold", replace(now, seq=following.seq, held=held), held.version)
    shown = replace(
        following, state="live", shown=following.version, digest=digest, body_seq=following.seq, held=None
    )
    return Decision("corrected", "correct", shown) if live else Decision("created", "put", shown)


def lifted(now: Standing, seq: int) -> Standing:
    """How it stands when the version that waits is shown, by an event with the sequence `seq`."""
    held = now.held
    assert held
    version = held.version
    shown = replace(now, state="live", version=version, shown=version, digest=held.digest, held=None)
    return replace(shown, seq=seq, body_seq=held.seq)


def notice_of(kind: Kind, now: Standing, following: Standing) -> NoticeKind | None:
    """What readers are told of an event that leads from `now` to `following`; `None` if they see no difference.

    Whoever follows what is told knows after each event which articles are to be seen.
    """
    if kind in {"hold", "cancel"}:
        return None
    if following.state == "live":
        new: NoticeKind = "restored" if kind == "restore" else "created"
        return "corrected" if now.state == "live" else new
    if following.state == "down":
        return "taken_down" if now.body_seq else None
    return "withdrawn" if now.state == "live" else None


class Log(Protocol):
    """Every event in one global order, durable before it is acknowledged; one process or several append.

    Sequences ascend from 1; ranges are (after, through]. Events never change, but for those of articles that were
    taken down, of which what they held is destroyed.
    """

    partitions: int
    """At the beginning; see `reshards`."""
    archive: str
    """Sixteen hexadecimal digits that tell this archive from any other."""

    def append(self, submissions: Iterable[Submission]) -> list[Outcome]:
        """Log one transaction; durable when this returns.

        Raises:
            LogFullError, OtherSubmissionError: nothing was logged.
            LogError: it could not be written, or perhaps it was. Submitted again, what was not logged is logged, and
                what was is not logged twice.
        """

    def append_statistics(self) -> int:
        """Log that a statistics epoch is frozen here; returns its sequence."""

    def append_reshard(self, partitions: int) -> int | None:
        """Log that articles are routed over so many partitions from here on; returns its sequence.

        `None` where they are already.
        """

    def reshards(self, after: int, through: int) -> list[tuple[int, int]]:
        """(sequence, partitions) of the reshards in the range, oldest first."""

    def lift_due(self, at_most: int = LIFTED_AT_MOST) -> int:
        """Log a `lift` for each version whose time has come, the earliest first, so many in one transaction.

        Returns:
            How many were lifted; more may be due, unless it is 0.
        """

    def next_lift_ms(self) -> int | None:
        """When the next version's time comes."""

    def applied(self, through: int, per_s: int | None = None) -> None:
        """Note that the index has applied everything up to this sequence, and how fast, where that is known.

        It need not be durable.
        """

    def drain(self) -> Drain:
        """What was noted last."""

    def last_seq(self) -> int:
        """The sequence of the newest event, 0 before the first."""

    def live_articles(self, through: int | None = None) -> int:
        """How many articles are to be seen after an event, the newest by default."""

    def taken_down(self, after: int) -> int:
        """How many articles were taken down after an event: what was to be seen of them then may be destroyed."""

    def languages(self, through: int) -> dict[str, int]:
        """The languages (`analysis.LANGUAGES`) of articles that were shown by then, with the first event of each."""

    def created_ms(self, seq: int) -> int:
        """When the event `seq` was logged; 0 for sequence 0."""

    def statistics_events(self, after: int, through: int) -> list[tuple[int, int]]:
        """(sequence, live articles) of the statistics events in the range, oldest first."""

    def pending(self, after: int, through: int) -> dict[int, int]:
        """How many events each partition has in the range; partitions without any are left out."""

    def read(self, partition: int, after: int, through: int) -> Iterator[Event]:
        """The last event of each article of one partition in the range, in order; earlier ones are undone."""

    def brought(self, after: int, through: int) -> Iterator[Brought]:
        """What each event of an article brought in the range, in order."""

    def text_of(self, seq: int) -> Article | None:
        """What the event `seq` brought to be shown, if it can be read."""

    def chain(self, article_id: str) -> list[int]:
        """The sequences of all events of an article, the newest first."""

    def standing(self, article_id: str) -> Standing:
        """How it stands with an article."""

    def changes(self, after: int, through: int, limit: int) -> list[Notice]:
        """What readers are told in the range, in order: the first `limit` of it."""

    def history(
        self, article_id: str, *, before: int | None = None, limit: int = MAX_HISTORY, told: bool = False
    ) -> list[Event]:
        """Events of one article, the newest first: at most `limit`, out of its last `MAX_HISTORY`.

        Args:
            article_id: its id.
            before: only those with lower sequences.
            limit: how many at most.
            told: only those of which readers are told.
        """

    def takedowns(self, after: int, through: int) -> list[tuple[int, str]]:
        """(sequence, article id) of the takedowns in the range, oldest first."""

    def destroy(self, article_id: str) -> int:
        """Destroy what the events of an article that was taken down held, texts and reasons; returns how many.

        Raises:
            LogError: the article was not taken down, or somebody keeps what it held from being destroyed just now.
        """

    def outcomes(self, prefix: bytes, after: bytes, limit: int) -> Sequence[tuple[bytes, str, Outcome]]:
        """Message id, article id and outcome of messages whose ids begin so and come after this, in order."""

    def forget(self, before: bytes, at_most: int) -> int:
        """Forget messages with ids before this one, the least first; returns how many. Their events stay."""

    def led_to(self, prefix: bytes, seqs: Sequence[int]) -> int:
        """How many messages whose ids begin so led to one of these events."""

    def close(self) -> None:
        """Release it."""

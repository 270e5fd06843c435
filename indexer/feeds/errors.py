"""What can go wrong with a feed, as types.

    FeedError                 the base: `url`, `problem`, `cure`
    ├── AddressRefusedError   the address is none that may be asked
    ├── FetchFailedError      the server could not be reached, broke off, was late, or said no (`status`)
    ├── BodyRefusedError      the answer is too large, a bomb, or packed as nobody asked for
    └── FeedInvalidError      the content is no feed (`line`, `column`)

Contract: bad addresses, bad servers and bad content raise these and nothing else. A message is one line of bounded
length: what was asked, what was wrong, the cure.

Not here: a single entry that is no article, which is a `Reject` (`indexer/rejects.py`).
"""

_MAX_URL_CHARS = 300


class FeedError(Exception):
    """A feed could not be fetched or read: `url` is the address or file, then what is wrong and what helps."""

    def __init__(self, url: str, problem: str, cure: str) -> None:
        # Parts of it are what strangers said, and may not command a terminal.
        message = f"{url[:_MAX_URL_CHARS]}: {problem}; {cure}"
        super().__init__("".join(char if char.isprintable() else "?" for char in message))
        self.url = url
        self.problem = problem
        self.cure = cure


class AddressRefusedError(FeedError):
    """The address is malformed, of another scheme than HTTP, or leads into a network that is not public."""


class FetchFailedError(FeedError):
    """There was no answer, or one that carries no feed.

    `status` is the HTTP status, where there was one; `retry_after_s` what the server asked for, in seconds.
    """

    def __init__(
        self, url: str, problem: str, cure: str, *, status: int | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(url, problem, cure)
        self.status = status
        self.retry_after_s = retry_after_s


class BodyRefusedError(FeedError):
    """The answer is larger than allowed, unpacks to absurd sizes, or is packed twice or in an unknown way."""


class FeedInvalidError(FeedError):
    """The content is no feed of a known format. `line` and `column` count from 1, where the place is known."""

    def __init__(
        self, url: str, problem: str, cure: str, *, line: int | None = None, column: int | None = None
    ) -> None:
        place = "" if line is None else f" at line {line}" + ("" if column is None else f", column {column}")
        super().__init__(url, problem + place, cure)
        self.line = line
        self.column = column

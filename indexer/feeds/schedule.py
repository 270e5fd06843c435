"""When a source is asked again.

Contract: never before `min_s` and never later than `max_s` from now. A source says how long its feed may be held
(`Cache-Control: max-age`, `Retry-After`, `ttl` of RSS), and the longest of these is heeded; one that says nothing, or
0, is asked every `default_s`. While it fails, waiting doubles from `default_s`, less up to half of it by chance, so
that sources that failed together do not come back together.

Not here: asking (`following.py`).
"""

from dataclasses import dataclass
from random import Random

_MAX_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Intervals:
    """Seconds between two requests to one source."""

    min_s: int = 300
    default_s: int = 900
    max_s: int = 86_400

    def after_success(self, *hints: int | None) -> int:
        """After an answer with these hints, in seconds."""
        return self._clamped(max((hint for hint in hints if hint), default=self.default_s))

    def after_failure(self, failures: int, retry_after_s: int | None, chance: Random) -> int:
        """After so many failures in a row, the last of which came with this `Retry-After`."""
        wait_s = min(self.default_s << min(failures - 1, _MAX_DOUBLINGS), self.max_s)
        return self._clamped(max(round(wait_s * (1 - chance.random() / 2)), retry_after_s or 0))

    def _clamped(self, seconds: int) -> int:
        return min(max(seconds, self.min_s), self.max_s)

"""A circuit breaker: after a failure nobody tries until a cool-down has passed, and then one caller does.

Contract: closed, everyone is allowed. A failure opens it: nobody is allowed for `cooldown_s`. Then exactly
one caller is, the probe, and the rest wait for another cool-down; so a probe that never reports back (its
caller was cancelled) only delays the next one. Any success closes it. Changes of state are logged once.

Not here: what is being protected, timeouts, retries (there are none).
"""

import logging
import time
from collections.abc import Callable

from cache import metrics

_LOG = logging.getLogger(__name__)

COOLDOWN_S = 2.0


class Breaker:
    """Says whether trying makes sense now.

    Args:
        cooldown_s: Seconds to keep away after a failure.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, cooldown_s: float = COOLDOWN_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._cooldown_s = cooldown_s
        self._clock = clock
        self._probe_at_s: float | None = None

    def allows(self) -> bool:
        """Whether the caller may try; if so it must report `succeeded` or `failed` when it knows."""
        if self._probe_at_s is None:
            return True
        now_s = self._clock()
        if now_s < self._probe_at_s:
            return False
        self._probe_at_s = now_s + self._cooldown_s
        return True

    def failed(self, error: Exception) -> None:
        """A try failed: keep away for a cool-down."""
        if self._probe_at_s is None:
            metrics.BREAKER_OPEN.set(1)
            _LOG.warning("cache backend unavailable, going without it: %s", error)
        self._probe_at_s = self._clock() + self._cooldown_s

    def succeeded(self) -> None:
        """A try succeeded: everyone may try again."""
        if self._probe_at_s is not None:
            self._probe_at_s = None
            metrics.BREAKER_OPEN.set(0)
            _LOG.info("cache backend is back")

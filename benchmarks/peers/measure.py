"""The measurement: one thread, the engines in turn at the same questions.

Each class is first asked once through every engine; that round is not counted, and its answers are checked against
the oracle (all of them up to `CHECKED`, then as many, evenly spaced). In the counted round each engine in turn
answers `TURN` questions, the engines in an order drawn anew each time, so that a neighbour's load or a change of
clock speed meets all of them. A turn begins with `LEAD` questions that are not counted. Garbage is collected between
turns.

Why not a question each: after another engine the processor's caches and predictors know nothing of this one. Over
2,000 articles, in turns of one question with all six engines, Tantivy's mean was 0.135 ms and bm25s's 0.095; left to
itself each took 0.035 and 0.023. A service runs one engine.

Contract: times are of `Ask` calls: from the text of the question to ids. Nothing is timed of an engine that answers
wrongly.

Not here: building, opening and memory (`alone.py`).
"""

import gc
import time
from collections.abc import Mapping, Sequence
from random import Random

import numpy as np

from benchmarks.peers.agreement import compare
from benchmarks.peers.corpus import Workload
from benchmarks.peers.engine import Answer, Ask, QueryClass, Question
from benchmarks.peers.oracle import Oracle

CHECKED = 100
"""Questions of a class whose answers are checked."""
TURN = 50
"""Counted questions of a turn."""
LEAD = 5
"""Questions before them that are not counted."""

Opened = Mapping[str, Mapping[QueryClass, Ask]]
"""Engine to how it is asked."""


def check(
    opened: Opened,
    exact: Mapping[str, bool],
    workload: Workload,
    oracle: Oracle,
    article_ids: Sequence[str],
) -> dict[str, dict[QueryClass, float]]:
    """Ask everything once; returns how far each engine agrees with the oracle, by class that has questions.

    Raises:
        WrongAnswer: an engine does not agree far enough.
    """
    shares: dict[str, dict[QueryClass, float]] = {name: {} for name in opened}
    for kind, questions in workload.items():
        if not questions:
            continue
        looked_at = set(np.linspace(0, len(questions) - 1, min(CHECKED, len(questions)), dtype=int).tolist())
        answers: dict[str, list[Answer]] = {name: [] for name, asks in opened.items() if kind in asks}
        for at, question in enumerate(questions):
            for name, kept in answers.items():
                answer = opened[name][kind](question)
                if at in looked_at:
                    kept.append(answer)
        asked = [questions[at] for at in sorted(looked_at)]
        truths = [oracle.truth(kind, question) for question in asked]
        for name, kept in answers.items():
            answered = list(zip(asked, kept, truths, strict=True))
            shares[name][kind] = compare(name, kind, answered, article_ids, exact=exact[name])
    return shares


def take_turns(opened: Opened, workload: Workload) -> dict[str, dict[QueryClass, dict[str, float]]]:
    """Milliseconds by engine and class; a class without questions is left out."""
    random = Random(0)
    figures: dict[str, dict[QueryClass, dict[str, float]]] = {name: {} for name in opened}
    gc.collect()
    gc.freeze()  # what is there already is not looked through between turns
    gc.disable()
    try:
        for kind, questions in workload.items():
            turns = [(name, asks[kind]) for name, asks in opened.items() if kind in asks]
            spent_ms: dict[str, list[float]] = {name: [] for name, _ask in turns}
            for start in range(0, len(questions), TURN):
                random.shuffle(turns)
                for name, ask in turns:
                    gc.collect()
                    for question in questions[start - LEAD : start] or questions[-LEAD:]:
                        ask(question)
                    spent_ms[name] += [_timed_ms(ask, question) for question in questions[start : start + TURN]]
            for name, times_ms in spent_ms.items():
                if times_ms:
                    figures[name][kind] = summary(times_ms)
    finally:
        gc.enable()
        gc.unfreeze()
    return figures


def _timed_ms(ask: Ask, question: Question) -> float:
    started_ns = time.perf_counter_ns()
    ask(question)
    return (time.perf_counter_ns() - started_ns) / 1e6


def summary(times_ms: Sequence[float]) -> dict[str, float]:
    """Mean and percentiles, to the microsecond."""
    p50, p95, p99 = np.percentile(times_ms, (50, 95, 99)).tolist()
    mean = float(np.mean(times_ms))
    return {
        f"{name}_ms": round(value, 4) for name, value in (("mean", mean), ("p50", p50), ("p95", p95), ("p99", p99))
    }

"""Partitioning is invisible in the answer: one log, several layouts, published and merged at different moments.

Contract: after the same events, 1, 2, 8 and 13 partitions give the ids, scores, order, totals and facets of the plain
index in `tests/reference/`, for every query, sort, filter and page; the same parts of each score; the same
place of each article, or reasons why it has none; what is like an article; what a beginning may become; the same
stories and copies, and one of each where that is asked for.

Not here: HTTP and processes (`test_http_search.py`).
"""

import math
import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from indexer.builder import InlineBuilder
from indexer.changes import was_withdrawn
from indexer.events import Outcome, Submission
from indexer.log import EventLog, log_path
from indexer.projection import Projector
from indexer.publisher import Retention
from indexer.routing import partition_of
from partition.manifest import RootManifest
from partition.schema import KEYWORD_FIELDS
from partition.scoring import ONE
from partition.types import Article, DocAddress
from search.collapsing import counted_once
from search.completions import completed
from search.explanations import ScoreExplanation, explained
from search.facets import NOTHING, Counts, added, shown
from search.leaf import LeafAnswer, LeafQuery, Match, Slice, merged
from search.order import Position
from search.placing import ArticlePlace, placed
from search.query import And, Choice, Filters, Node, Query, near_nodes
from search.similar import Telling, node_of, telling_terms
from search.single import story_of
from search.snapshot import Snapshot, Snapshots, View
from search.spelling import expanded
from search.spellings import spelled
from search.terms import analysed
from search.timelines import PERIODS
from search.values import FACETS
from tests.leaf import leaf_query, without_copies
from tests.reference.naive import Hit, NaiveIndex, decay, timeline
from tests.search.generated import DAY_MS, IDS, LANGUAGES, Generator
from tests.small_index import Clock
from tests.trees import naive_completions, naive_index, naive_stories

LAYOUTS = (1, 2, 8, 13)

_seeds = st.integers(0, 2**32 - 1)


class Layout:
    """One archive of its own number of partitions."""

    def __init__(self, root: Path, partitions: int, clock: Clock) -> None:
        self.root = root
        self.partitions = partitions
        root.mkdir()
        self.log = EventLog(log_path(root), partitions=partitions, now_ms=clock)
        # Some forget earlier states at once, others keep them.
        retention = Retention(seconds=3600 * (partitions % 2))
        self.projector = Projector(root, self.log, InlineBuilder(), retention=retention)
        self.snapshots = Snapshots(root)
        self.asked = 0

    def page(
        self, manifest: RootManifest, query: Query, part: Slice, seq: int | None = None
    ) -> tuple[int, list[Match]]:
        """Scatter and gather in this thread; in an earlier state, if one is given."""
        snapshot = self._snapshot(manifest, seq)
        query = _executed(query, snapshot)
        answers = self._answers(snapshot, self._asked(snapshot, query, part))
        return sum(answer.total for answer in answers), merged((answer.matches for answer in answers), part)

    def counts(self, manifest: RootManifest, query: Query, seq: int | None = None) -> Counts:
        """All facets; in an earlier state, if one is given."""
        snapshot = self._snapshot(manifest, seq)
        query = _executed(query, snapshot)
        asked = self._asked(snapshot, query, Slice(1))._replace(facets=FACETS)
        answers = self._answers(snapshot, asked)
        counts = [answer.counts for answer in answers]
        if query.collapse:
            counts.append(counted_once(asked, [answer.held for answer in answers], snapshot.partitions.leaves))
        return added(counts)

    def spellings(self, manifest: RootManifest, facet: str, values: list[str], seq: int | None = None) -> list[str]:
        """How these values are written; in an earlier state, if one is given."""
        return spelled(self._snapshot(manifest, seq), facet, values, (), math.inf)

    def explanations(self, manifest: RootManifest, query: Query, matches: list[Match]) -> list[ScoreExplanation]:
        """How their scores come about."""
        snapshot = self._snapshot(manifest, None)
        return explained(snapshot, _executed(query, snapshot), matches, math.inf)

    def telling(self, manifest: RootManifest, article_id: str) -> list[Telling]:
        """The most telling terms of an article."""
        snapshot = self._snapshot(manifest, None)
        leaf = snapshot.partitions.leaf(partition_of(article_id, len(manifest.partitions)))
        place = leaf.reader.find(article_id) if leaf else None
        assert leaf
        assert place
        return telling_terms(leaf.reader.stored(*place), snapshot.statistics)

    def place(self, manifest: RootManifest, query: Query, article_id: str, seq: int | None = None) -> ArticlePlace:
        """Where an article stands; in an earlier state, if one is given."""
        snapshot = self._snapshot(manifest, seq)
        query = _executed(query, snapshot)
        asked = self._asked(snapshot, query, Slice(1))
        partition = partition_of(article_id, len(manifest.partitions))
        return placed(snapshot, query, asked, article_id, partition, partial(was_withdrawn, self.root))

    def story(self, manifest: RootManifest, article_id: str) -> dict[str, Any]:
        """The story of an article."""
        snapshot, partition = self._snapshot(manifest, None), partition_of(article_id, len(manifest.partitions))
        leaf = snapshot.partitions.leaf(partition)
        place = leaf.reader.find(article_id) if leaf else None
        assert place
        return story_of(snapshot, DocAddress(partition, *place))

    def completed(self, manifest: RootManifest, text: str, limit: int) -> tuple[list[Any], list[Any], list[Any]]:
        """What a typed text may become: titles by their ids."""
        found = completed(self._snapshot(manifest, None), text, limit, math.inf)
        return [*found.phrases], [*found.names], [title.article_id for title in found.titles]

    def _snapshot(self, manifest: RootManifest, seq: int | None) -> Snapshot:
        state = manifest.state if seq is None else replace(manifest.state, applied_seq=seq)
        return self.snapshots.open(View(manifest.epoch, state))

    def _asked(self, snapshot: Snapshot, query: Query, part: Slice) -> LeafQuery:
        asked = leaf_query(query, snapshot.statistics, part)
        partitions = snapshot.partitions
        return without_copies(asked, partitions.stories, partitions.shares(2)) if query.collapse else asked

    def _answers(self, snapshot: Snapshot, asked: LeafQuery) -> list[LeafAnswer]:
        """Of each share, as if there were another number of threads each time."""
        self.asked += 1
        shares = snapshot.partitions.shares(1 + self.asked % 5)
        answers = [share.search(asked) for share in shares]
        assert not any(answer.failed for answer in answers)
        return answers


def _executed(query: Query, snapshot: Snapshot) -> Query:
    """With words of the archive in place of those that are spelled alike."""
    return msgspec.structs.replace(query, node=expanded(query.node, snapshot, math.inf))


class Earlier(NamedTuple):
    """What was found in a state."""

    seq: int
    query: Query
    found: list[Hit]
    naive: NaiveIndex
    """Its articles."""


class Layouts(RuleBasedStateMachine):
    """Puts, corrections, withdrawals, statistics; publishes and merges wherever each layout pleases."""

    @initialize(seed=_seeds)
    def start(self, seed: int) -> None:
        """Archives with some articles, so that every comparison has something to compare."""
        self.folder = Path(tempfile.mkdtemp(prefix="layouts-"))
        self.clock = Clock()
        self.layouts = {count: Layout(self.folder / str(count), count, self.clock) for count in LAYOUTS}
        self.naive, self.stories = naive_index(), naive_stories()
        self.languages: set[str] = set()
        """Of all articles that were ever there."""
        self.seed, self.steps = seed, 0
        self.down: set[str] = set()
        self.withdrawn: set[str] = set()
        """Of those that were to be seen."""
        self.earlier: list[Earlier] = []
        self.put_some(seed, 60)
        self.freeze()

    def _log(self, submissions: list[Submission]) -> list[Outcome]:
        outcomes = [layout.log.append(submissions) for layout in self.layouts.values()]
        assert all(one == outcomes[0] for one in outcomes)
        return outcomes[0]

    @rule(seed=_seeds, count=st.sampled_from((1, 5, 30)))
    def put_some(self, seed: int, count: int) -> None:
        """New articles and corrections of old ones."""
        generator = Generator(seed)
        self.clock.now_ms = seed % 3 * DAY_MS  # clocks are put back now and then
        self.put([generator.article() for _ in range(count)])

    def put(self, articles: list[Article]) -> None:
        """Log them everywhere."""
        outcomes = self._log([Submission(article.id, article, repr(article).encode()) for article in articles])
        for article, outcome in zip(articles, outcomes, strict=True):
            stored = {"indexed_ms": self.clock.now_ms, **msgspec.to_builtins(article)}
            live = self.naive.articles.get(article.id)
            # What is as it was is not logged.
            same = live and {name: live[name] for name in stored} == {**stored, "indexed_ms": live["indexed_ms"]}
            if article.id not in self.down and not same:
                assert outcome.seq
                self.naive.put({**stored, **self.stories.put(stored, outcome.seq)._asdict()})
                self.withdrawn.discard(article.id)
                self.languages.add(LANGUAGES[article.language])

    @rule(seed=_seeds, count=st.sampled_from((1, 10)))
    def withdraw(self, seed: int, count: int) -> None:
        """Articles that may or may not be there."""
        for article_id in random.Random(seed).sample(IDS, count):
            self._log([Submission(article_id, None, b"", "withdraw")])
            if article_id in self.naive.articles:
                self.withdrawn.add(article_id)
            self.naive.withdraw(article_id)

    @rule(seed=_seeds)
    def take_down(self, seed: int) -> None:
        """One article, out of all states; nothing under its id is taken any more."""
        article_id = random.Random(seed).choice(IDS)
        self._log([Submission(article_id, None, b"", "takedown")])
        self.naive.withdraw(article_id)
        self.stories.take_down(article_id)
        self.down.add(article_id)
        # Its words stand for no others any more, which may be scored differently then; another of its story is shown.
        self.earlier = [
            one._replace(found=[hit for hit in one.found if hit.id != article_id])
            for one in self.earlier
            if not list(near_nodes(one.query.node)) and not one.query.collapse
        ]
        for one in self.earlier:
            one.naive.withdraw(article_id)

    @rule()
    def purge(self) -> None:
        """What was taken down goes out of all files; it is a statistics epoch, too."""
        for layout in self.layouts.values():
            manifest = layout.projector.purge()
            assert manifest.purged_seq == manifest.erased_seq
        self.naive.freeze()

    @rule(seed=_seeds)
    def reshard(self, seed: int) -> None:
        """Each layout gets another number of partitions; when it publishes that is another matter."""
        for layout in self.layouts.values():
            others = [count for count in (1, 2, 3, 5, 8, 13) if count != layout.partitions]
            layout.partitions = random.Random(seed).choice(others)
            assert layout.log.append_reshard(layout.partitions)

    @rule()
    def freeze(self) -> None:
        """A statistics epoch."""
        for layout in self.layouts.values():
            layout.log.append_statistics()
        self.naive.freeze()

    @rule(count=st.sampled_from(LAYOUTS), merge=st.booleans())
    def publish(self, count: int, *, merge: bool) -> None:
        """One layout publishes, the others do not."""
        self.layouts[count].projector.project(merge=merge)

    @invariant()
    def answers_are_equal(self) -> None:
        """After some of the steps: comparing after each would publish every layout at the same moments."""
        self.steps += 1
        if self.steps % 3 == 0:
            self.compare(self.seed + self.steps, (1, 3, 10)[self.seed % 3])

    def compare(self, seed: int, size: int) -> None:
        """Everybody catches up; whole results, and some of them page by page, are equal."""
        generator = Generator(seed)
        manifests = {count: layout.projector.project() for count, layout in self.layouts.items()}
        for nth, (seq, query, expected, naive) in enumerate(self.earlier):
            for count, layout in self.layouts.items():
                if seq >= manifests[count].since_seq:
                    assert [
                        _hit(match) for match in layout.page(manifests[count], query, Slice(1000), seq)[1]
                    ] == expected
                    for hit in expected[nth % 9 :: 9]:
                        rank = layout.place(manifests[count], query, hit.id, seq).rank
                        assert rank == expected.index(hit) + 1
                    if nth % 4 == 0:
                        self._facets(layout, manifests[count], query, naive, seq)
        for round_ in range(12):
            written, languages = generator.query(), tuple(sorted(self.languages))
            query = msgspec.structs.replace(written, node=analysed(written.node, languages))
            plain = msgspec.to_builtins(query)
            expected = self.naive.search(
                *(plain["node"], plain["filters"], query.sort, plain["origin_ms"], plain["half_life_ms"]),
                collapse=query.collapse,
            )
            then = naive_index()
            then.articles = dict(self.naive.articles)
            self.earlier.append(Earlier(manifests[1].applied_seq, query, expected, then))
            note(f"{query}: {len(expected)} of {len(self.naive.articles)} articles expected")
            for count, layout in self.layouts.items():
                assert manifests[count].languages_at(manifests[count].applied_seq) == languages
                total, matches = layout.page(manifests[count], query, Slice(1000))
                assert total == len(expected)
                assert [_hit(match) for match in matches] == expected
                few = layout.page(manifests[count], query, Slice(size, counting=False))[1]
                assert [_hit(match) for match in few] == expected[:size]
                if round_ % 2 == 0:
                    self._explanations(layout, manifests[count], query, matches)
                if round_ % 4 == 0:
                    self._facets(layout, manifests[count], query, self.naive)
                    self._places(layout, manifests[count], query, expected)
                    self._similar(layout, manifests[count], query, seed)
                    self._stories(layout, manifests[count], seed)
                    self._walk(layout, manifests[count], query, size, expected)
        self._completions(manifests, generator)
        self.earlier = random.Random(seed).sample(self.earlier, min(20, len(self.earlier)))

    def _completions(self, manifests: dict[int, RootManifest], generator: Generator) -> None:
        """What beginnings may become."""
        completions = naive_completions(self.naive.articles.values())
        for limit in (1, 2, 5) * 6:
            text = generator.typed()
            suggested = completions.completed(text, limit)
            note(f"{text!r}: {suggested}")
            for count, layout in self.layouts.items():
                assert layout.completed(manifests[count], text, limit) == suggested

    def _explanations(self, layout: Layout, manifest: RootManifest, query: Query, matches: list[Match]) -> None:
        node = self.naive.expanded(*[msgspec.to_builtins(query.node)] * 2)
        for match, explanation in zip(matches, layout.explanations(manifest, query, matches), strict=True):
            article = self.naive.articles[match.article_id]
            assert msgspec.to_builtins(explanation.parts) == self.naive.parts(node, article)
            assert sum(part.score for part in explanation.parts) == explanation.sum
            if query.half_life_ms is None or query.origin_ms is None:
                assert explanation.decay is None
                assert explanation.sum * ONE == match.score
            else:
                assert explanation.decay == decay(article["published_ms"], query.half_life_ms, query.origin_ms)
                assert round(explanation.sum * ONE * explanation.decay) == match.score

    def _facets(
        self, layout: Layout, manifest: RootManifest, query: Query, naive: NaiveIndex, seq: int | None = None
    ) -> None:
        plain = msgspec.to_builtins(query)
        counts = naive.facets(plain["node"], plain["filters"], FACETS, query.collapse)
        tallies = layout.counts(manifest, query, seq)
        assert {facet: tally.by_name() for facet, tally in tallies.items()} == {
            facet: counted for facet, counted in counts.items() if facet in tallies
        }
        assert all(facet in tallies or not counted for facet, counted in counts.items())
        for period in PERIODS:
            assert shown(period, tallies.get(period, NOTHING), query.filters, 10).counted == timeline(
                period, counts[period], query.filters.from_ms, query.filters.to_ms
            )
        for facet in KEYWORD_FIELDS:
            spellings = naive.spellings(facet)
            spellings.pop("", None)
            assert layout.spellings(manifest, facet, [*spellings, "none"], seq) == [*spellings.values(), "none"]

    def _places(self, layout: Layout, manifest: RootManifest, query: Query, expected: list[Hit]) -> None:
        """Of some of the articles that ever were, and of one that never was."""
        found = {
            hit.id: ArticlePlace(id=hit.id, found=True, reason="ranked", rank=nth, score=hit.score / ONE)
            for nth, hit in enumerate(expected, 1)
        }
        for article_id in (*random.Random(layout.asked).sample(IDS, 20), "nobody"):
            place = layout.place(manifest, query, article_id)
            if article_id in found:
                assert place == found[article_id]
            elif place.reason == "collapsed":
                assert query.collapse
                story = self.naive.articles[article_id]["story"]
                assert [hit.id for hit in expected if self.naive.articles[hit.id]["story"] == story] == [
                    place.collapsed_into
                ]
            elif article_id in self.naive.articles:
                assert place.reason == "excluded"
                excluded_by = self._excluded_by(query, self.naive.articles[article_id])
                assert [one.parameter for one in place.excluded_by or ()] == excluded_by
            else:
                reason: Any = "withdrawn" if article_id in self.withdrawn else "unknown"
                reason = "taken-down" if article_id in self.down else reason
                assert place == ArticlePlace(id=article_id, found=False, reason=reason)

    def _similar(self, layout: Layout, manifest: RootManifest, query: Query, seed: int) -> None:
        """What is like an article, under the filters of a query."""
        for article_id in random.Random(seed).sample(sorted(self.naive.articles), min(3, len(self.naive.articles))):
            telling = layout.telling(manifest, article_id)
            terms = self.naive.telling(self.naive.articles[article_id])
            assert [tuple(one) for one in telling] == terms
            like = msgspec.structs.replace(query, node=node_of(telling))
            plain = msgspec.to_builtins(like)
            found = [_hit(match) for match in layout.page(manifest, like, Slice(1000))[1]]
            assert found == self.naive.search(
                *(plain["node"], plain["filters"], like.sort, plain["origin_ms"], plain["half_life_ms"]),
                collapse=query.collapse,
            )

    def _stories(self, layout: Layout, manifest: RootManifest, seed: int) -> None:
        """The other articles of an article's story."""
        for article_id in random.Random(seed).sample(sorted(self.naive.articles), min(5, len(self.naive.articles))):
            article = self.naive.articles[article_id]
            every = self.naive.copies(article)
            others = [one for one in every if one != article_id]
            assert layout.story(manifest, article_id) == {
                "story_id": f"{article['story']:016x}",
                "copies": {"count": len(others), "canonical": every[0], "ids": others},
            }

    def _excluded_by(self, query: Query, article: dict[str, Any]) -> list[str]:
        """What leaves it out: each clause that must match and does not, each that must not and does, each filter."""
        names = []
        for node, wanted in _demands(query.node):
            plain = self.naive.expanded(msgspec.to_builtins(node), msgspec.to_builtins(query.node))
            matches = self.naive.parts(plain, article) is not None
            names += ["q"] * (matches != wanted)
        filters = query.filters
        single: list[tuple[str, Filters]] = []
        for choice in filters.choices:
            name = choice.field.removesuffix("_name")
            single.append((name, Filters(choices=(Choice(choice.field, choice.allowed),))))
            single += [(name, Filters(choices=(Choice(choice.field, (), (value,)),))) for value in choice.denied]
        single.append(("from", Filters(from_ms=filters.from_ms, clock=filters.clock)))
        single.append(("to", Filters(to_ms=filters.to_ms, clock=filters.clock)))
        return names + [name for name, one in single if not self.naive._passes(msgspec.to_builtins(one), article)]

    def _walk(self, layout: Layout, manifest: RootManifest, query: Query, size: int, expected: list[Hit]) -> None:
        forwards: list[Match] = []
        after: Position | None = None
        while page := layout.page(manifest, query, Slice(size, after))[1]:
            forwards += page
            after = page[-1].position
        assert [_hit(match) for match in forwards] == expected
        if forwards:
            before: list[Match] = [forwards[-1]]
            while page := layout.page(manifest, query, Slice(size, before[-1].position, backwards=True))[1]:
                before += page
            assert before == forwards[::-1]

    def teardown(self) -> None:
        """Remove the archives."""
        for layout in getattr(self, "layouts", {}).values():
            layout.log.close()
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)


def _demands(node: Node) -> Iterator[tuple[Node, bool]]:
    """The clauses that decide each by itself, and whether they must match."""
    if not isinstance(node, And):
        yield node, True
        return
    for clause in node.required:
        yield from _demands(clause)
    for clause in node.excluded:
        yield clause, False


def _hit(match: Match) -> Hit:
    return Hit(match.position.article_id, match.score, match.position.key)


Layouts.TestCase.settings = settings(
    max_examples=3, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLayouts: Any = Layouts.TestCase

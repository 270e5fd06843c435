"""The merge policy: a pure function that keeps segments few, and seldom writes an article again."""

from hypothesis import given
from hypothesis import strategies as st

from partition.merge_policy import FACTOR, FLOOR, MAX_DEAD, Size, segments_to_merge, tier_of

_sizes = st.lists(
    st.tuples(st.integers(0, 10**6) | st.integers(0, 3 * FLOOR), st.floats(0, 1)).map(
        lambda one: Size(one[0], int(one[0] * one[1]))
    ),
    max_size=40,
)


def _live(size: Size) -> int:
    return size.articles - size.dead


def _applied(sizes: list[Size]) -> tuple[list[Size], int]:
    """The segments after one round, and how many articles were written."""
    groups = segments_to_merge(sizes)
    merged = [sum(_live(sizes[at]) for at in group) for group in groups]
    gone = {at for group in groups for at in group}
    kept = [size for at, size in enumerate(sizes) if at not in gone]
    return kept + [Size(live, 0) for live in merged if live], sum(merged)


@given(sizes=_sizes)
def test_each_segment_is_named_once_at_most(sizes: list[Size]) -> None:
    """Groups are disjoint, none is empty, and every ordinal is one of a segment."""
    named = [at for group in segments_to_merge(sizes) for at in group]
    assert len(named) == len(set(named))
    assert set(named) <= set(range(len(sizes)))
    assert all(segments_to_merge(sizes))


@given(sizes=_sizes)
def test_a_segment_is_rewritten_for_a_reason(sizes: list[Size]) -> None:
    """By itself if and only if too much of it is deleted; else with enough others to be worth it."""
    groups = segments_to_merge(sizes)
    alone = {group[0] for group in groups if len(group) == 1}
    assert alone == {at for at, size in enumerate(sizes) if _live(size) == 0 or size.dead > MAX_DEAD * size.articles}
    for group in groups:
        assert len(group) == 1 or len(group) >= FACTOR


@given(sizes=_sizes)
def test_the_policy_comes_to_rest(sizes: list[Size]) -> None:
    """Within a few rounds nothing is left to merge: fewer than `FACTOR` segments a tier, none much deleted."""
    articles = sum(map(_live, sizes))
    rounds = 0
    while segments_to_merge(sizes):
        sizes, _written = _applied(sizes)
        rounds += 1
        assert rounds <= 3
    assert sum(map(_live, sizes)) == articles
    assert all(size.dead <= MAX_DEAD * size.articles for size in sizes)
    tiers = [tier_of(_live(size)) for size in sizes]
    assert all(tiers.count(tier) < FACTOR for tier in tiers)


@given(batches=st.lists(st.integers(1, 5000), min_size=1, max_size=400))
def test_an_archive_that_grows_by_small_batches(batches: list[int]) -> None:
    """Segments stay few and each article is written about once a tier, however it comes."""
    sizes: list[Size] = []
    articles = written = 0
    for batch in batches:
        articles += batch
        sizes, merged = _applied([*sizes, Size(batch, 0)])
        written += merged
        assert len(sizes) <= (FACTOR - 1) * (tier_of(articles) + 1)
    # In the lowest tier a segment of many small ones may be written again with every `FACTOR - 1` of them.
    assert written <= articles * (tier_of(articles) + 1) + sum(batch < FLOOR for batch in batches) * FLOOR


def test_tiers() -> None:
    """Each reaches `FACTOR` times as far as the one below."""
    assert [tier_of(live) for live in (0, 1, 1000, 1001, 4000, 4001, 16_000, 16_001)] == [0, 0, 0, 1, 1, 2, 2, 3]


def test_known_choices() -> None:
    """A full tier becomes one segment; one that then fills the next tier is merged with it at once."""
    small, middle, large = Size(1000, 0), Size(4000, 0), Size(16_000, 0)
    assert segments_to_merge([]) == []
    assert segments_to_merge([small] * 3 + [middle] * 3 + [large] * 3) == []
    assert segments_to_merge([small, middle, small, small, small]) == [[0, 2, 3, 4]]
    assert segments_to_merge([small] * 4 + [middle] * 3) == [[0, 1, 2, 3, 4, 5, 6]]
    assert segments_to_merge([small] * 4 + [middle] * 3 + [large] * 3) == [list(range(10))]
    assert segments_to_merge([Size(100, 0)] * 4 + [middle] * 3) == [[0, 1, 2, 3]], "it stays in its tier"
    assert segments_to_merge([Size(100, 25), Size(100, 26), Size(7, 7)]) == [[1], [2]]

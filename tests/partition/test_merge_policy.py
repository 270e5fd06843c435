"""The merge policy: a pure function that keeps segments few, and seldom writes an article again."""

from hypothesis import given
from hypothesis import strategies as st

from partition.format import MAX_ARTICLES
from partition.merge_policy import FACTOR, FLOOR, MAX_DEAD, Size, everything_to_merge, segments_to_merge, tier_of

_sizes = st.lists(
    st.tuples(st.integers(0, 10**6) | st.integers(0, 3 * FLOOR), st.floats(0, 1)).map(
        lambda one: Size(one[0], int(one[0] * one[1]))
    ),
    max_size=40,
)


def _applied(sizes: list[Size], groups: list[list[int]]) -> tuple[list[Size], int]:
    """The segments after these groups were merged, and how many articles were written."""
    merged = [sum(sizes[at].live for at in group) for group in groups]
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
    assert alone == {at for at, size in enumerate(sizes) if size.live == 0 or size.dead > MAX_DEAD * size.articles}
    for group in groups:
        assert len(group) == 1 or len(group) >= FACTOR


@given(sizes=_sizes)
def test_no_segment_becomes_too_large(sizes: list[Size]) -> None:
    """Whatever the policy, a group fits into one segment; merging everything leaves none out."""
    for group in segments_to_merge(sizes) + everything_to_merge(sizes):
        assert sum(sizes[at].live for at in group) <= MAX_ARTICLES
    left, _written = _applied(sizes, everything_to_merge(sizes))
    assert sum(size.live for size in left) == sum(size.live for size in sizes)
    assert not any(size.dead for size in left)
    assert len(left) <= 1 + 2 * sum(size.live for size in sizes) // MAX_ARTICLES


@given(sizes=_sizes)
def test_the_policy_comes_to_rest(sizes: list[Size]) -> None:
    """Within a few rounds nothing is left to merge: fewer than `FACTOR` segments a tier, none much deleted."""
    articles = sum(size.live for size in sizes)
    rounds = 0
    while segments_to_merge(sizes):
        sizes, _written = _applied(sizes, segments_to_merge(sizes))
        rounds += 1
        assert rounds <= 3
    assert sum(size.live for size in sizes) == articles
    assert all(size.dead <= MAX_DEAD * size.articles for size in sizes)
    tiers: dict[int, list[int]] = {}
    for size in sizes:
        tiers.setdefault(tier_of(size.live), []).append(size.live)
    assert all(len(tier) < FACTOR or sum(tier) > MAX_ARTICLES for tier in tiers.values())


@given(sizes=_sizes, limit=st.integers(0, 10**6) | st.integers(0, 3 * FLOOR))
def test_two_who_share_a_limit_share_all_segments(sizes: list[Size], limit: int) -> None:
    """What one of them does is what it would do if there were no others; each segment is one's or the other's."""
    small = segments_to_merge(sizes, up_to=limit)
    large = segments_to_merge(sizes, larger_than=limit)
    for groups, mine in (
        (small, [at for at, size in enumerate(sizes) if size.articles <= limit]),
        (large, [at for at, size in enumerate(sizes) if size.articles > limit]),
    ):
        assert groups == [[mine[at] for at in group] for group in segments_to_merge([sizes[at] for at in mine])]


@given(batches=st.lists(st.integers(1, 5000), min_size=1, max_size=400))
def test_an_archive_that_grows_by_small_batches(batches: list[int]) -> None:
    """Segments stay few and each article is written about once a tier, however it comes."""
    sizes: list[Size] = []
    articles = written = 0
    for batch in batches:
        articles += batch
        sizes.append(Size(batch, 0))
        sizes, merged = _applied(sizes, segments_to_merge(sizes))
        written += merged
        assert len(sizes) <= (FACTOR - 1) * (tier_of(articles) + 1)
    # In the lowest tier a segment of many small ones may be written again with every `FACTOR - 1` of them.
    assert written <= articles * (tier_of(articles) + 1) + sum(batch < FLOOR for batch in batches) * FLOOR


def test_tiers() -> None:
    """Each reaches `FACTOR` times as far as the one below."""
    limits = [FLOOR * FACTOR**tier for tier in range(6)]
    assert [tier_of(live) for live in (0, 1, *limits)] == [0, 0, 0, 1, 2, 3, 4, 5]
    assert [tier_of(live + 1) for live in limits] == [1, 2, 3, 4, 5, 6]


def test_known_choices() -> None:
    """A full tier becomes one segment; one that then fills the next tier is merged with it at once."""
    small, middle, large = Size(FLOOR, 0), Size(4 * FLOOR, 0), Size(16 * FLOOR, 0)
    assert segments_to_merge([]) == []
    assert segments_to_merge([small] * 3 + [middle] * 3 + [large] * 3) == []
    assert segments_to_merge([small, middle, small, small, small]) == [[0, 2, 3, 4]]
    assert segments_to_merge([small] * 4 + [middle] * 3) == [[0, 1, 2, 3, 4, 5, 6]]
    assert segments_to_merge([small] * 4 + [middle] * 3 + [large] * 3) == [list(range(10))]
    assert segments_to_merge([Size(FLOOR // 10, 0)] * 4 + [middle] * 3) == [[0, 1, 2, 3]], "it stays in its tier"
    assert segments_to_merge([Size(100, 25), Size(100, 26), Size(7, 7)]) == [[1], [2]]

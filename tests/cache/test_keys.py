"""Names of cached answers."""

from hypothesis import given
from hypothesis import strategies as st

from cache.keys import NAMESPACE, Key

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=50)


@given(ANY_TEXT)
def test_any_text_is_a_key_of_bounded_length_in_our_namespace(text: str) -> None:
    """Names are short ASCII under a versioned prefix, whatever the text, lone surrogates included."""
    key = Key.of(text)
    assert key.name.startswith("broadsheet:3:")
    assert key.name.isascii()
    assert len(key.name) == len(NAMESPACE) + 64
    assert key.name == Key.of(text).name


@given(ANY_TEXT, ANY_TEXT)
def test_different_texts_have_different_names(one: str, other: str) -> None:
    """Two names are equal only if their texts are."""
    assert (Key.of(one) == Key.of(other)) == (one == other)


def test_spread_is_even() -> None:
    """Keys spread over [-1, 1] without leaning to either side."""
    spreads = sorted(Key.of(f"key {number}").spread for number in range(1000))
    assert -1 <= spreads[0] < -0.98
    assert 0.98 < spreads[-1] <= 1
    assert abs(spreads[500]) < 0.1

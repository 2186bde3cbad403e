import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.core.boundaries import _STEP_CHARS, last_boundary
from metering.counter import TokenCounter

# What the encodings' expressions look at: letters of both cases, marks, apostrophes and contractions,
# digits, line ends, kinds of white space, punctuation, halves of surrogate pairs.
PIECES = [
    *"aAzZsStTdDmM\u017f\u212aéÉжЖ中の가ǅ½٣²09",
    *" \t\n\r\u00a0\u3000\u0085\u2028\x1c\u200b",
    *"'.,;:/\\-_—\"。、<|>\u2019\uff01",
    *"\u0301\u0300\u0e33\u0e01\u200d👍🏽\ud83d\ude00",
    *["'ll", "'RE", "'s ", " the", " Don't", "http://", "\r\n", "\n\n", "    ", "12", "345"],
]
texts = st.text() | st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@pytest.fixture(scope="module", params=["o200k_base", "cl100k_base"])
def encoding(request: pytest.FixtureRequest, counter: TokenCounter) -> tiktoken.Encoding:
    counter.warm(request.param)
    return tiktoken.get_encoding(request.param)


@settings(deadline=None, max_examples=500)
@given(before=texts, after=texts)
def test_tokens_of_the_pieces_are_those_of_the_whole(encoding: tiktoken.Encoding, before: str, after: str) -> None:
    place = last_boundary(before, 0, len(before))
    whole = before + after
    pieces = encoding.encode_ordinary(whole[:place]) + encoding.encode_ordinary(whole[place:])
    assert pieces == encoding.encode_ordinary(whole)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", 0),
        ("a", 0),
        ("hello world", 5),
        ("hello world again", 11),
        ("hello  ", 5),
        ("   ", 0),
        ("don't", 0),
        ("a1", 1),
        ("12ab", 2),
        ("中文。文", 2),
        ("aaaa", 0),
    ],
)
def test_last_place_is_found(text: str, place: int) -> None:
    assert last_boundary(text, 0, len(text)) == place


@pytest.mark.parametrize("distance", [1, 2, _STEP_CHARS - 2, _STEP_CHARS - 1, _STEP_CHARS, 3 * _STEP_CHARS])
def test_place_is_found_at_any_distance_from_the_end(distance: int) -> None:
    text = "x" * 5000 + " " + "y" * distance
    assert last_boundary(text, 0, len(text)) == 5000
    assert last_boundary(text, 4999, len(text)) == 5000
    assert last_boundary(text, 5000, len(text)) == 5000  # none above its start

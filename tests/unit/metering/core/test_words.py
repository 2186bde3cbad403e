"""Words as Unicode's default rules have them (UAX #29), and replies that are charged by them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.words import UnitTally, count_units, count_words
from providers.wire.answers import decode_chunk


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("  \n\t", 0),
        ("hello, world!", 2),
        ("can't won't", 2),
        ("l'objectif", 1),  # the default rules do not break here
        ("don't-stop", 2),
        ("1,234.5", 1),
        ("10:30", 2),  # a colon joins letters, not digits
        ("a.b.c e:g", 2),
        ("v1.2b", 1),
        ("foo_bar __x__ _", 2),
        ("naïve cafe\u0301", 2),
        ('\u05e6\u05d4"\u05dc', 1),  # Hebrew with its double quote
        ("你好世界", 4),
        ("カタカナ", 1),
        ("ひらがな", 4),
        ("a'1 1'a", 4),
        ("👩\u200d👧 ok 🇩🇪", 1),
        ("x²", 2),
        ("Привет, мир", 2),
        ("don\u2019t", 1),
        ("50% off - now", 3),
    ],
)
def test_words_are_the_segments_with_a_letter_or_a_digit(text: str, words: int) -> None:
    assert count_words(text) == words
    assert count_units("word", text) == words


def test_characters_are_code_points_and_a_unit_is_one() -> None:
    assert count_units("character", "naïve 你") == 7
    assert count_units("unit", "whatever it says") == 1


def chunk(text: str, index: int = 0) -> bytes:
    return msgspec.json.encode({"choices": [{"index": index, "delta": {"content": text}}]})


def tally(base: str) -> UnitTally:
    return UnitTally(len, stop_token=False, base=base)


def add(grown: UnitTally, text: str, index: int = 0) -> None:
    decoded = decode_chunk(chunk(text, index))
    assert decoded is not None
    grown.add_chunk(decoded)


pieces = st.lists(st.text(alphabet="ab'1. ,_\u0301你\n", max_size=6), max_size=12)


@given(pieces, st.sampled_from(["word", "character"]))
def test_a_reply_that_grows_has_the_units_of_the_whole(texts: list[str], base: str) -> None:
    grown = tally(base)
    for text in texts:
        add(grown, text)
        assert grown.running() >= 0
    assert grown.charged_units() == count_units(base, "".join(texts))
    assert grown.charged_units() == count_units(base, "".join(texts))


def test_each_choice_is_a_text_of_its_own() -> None:
    grown = tally("word")
    add(grown, "foo")
    add(grown, "bar", 1)
    add(grown, "t ball")
    assert grown.running() == 3
    assert grown.charged_units() == 3


def test_a_long_text_without_a_space_is_counted_exactly_at_the_end() -> None:
    grown = tally("word")
    for _ in range(300):
        add(grown, "你好" * 25)
        grown.running()
    assert grown.charged_units() == 15_000
    assert grown.count() == 15_000  # tokens, by this test's tokenizer


def test_tool_calls_and_refusals_are_text_of_the_reply() -> None:
    grown = tally("word")
    delta = {
        "refusal": "not today",
        "tool_calls": [{"index": 0, "function": {"name": "look_up", "arguments": '{"city": "Bonn"}'}}],
    }
    decoded = decode_chunk(msgspec.json.encode({"choices": [{"index": 0, "delta": delta}]}))
    assert decoded is not None
    grown.add_chunk(decoded)
    assert grown.charged_units() == 2 + 1 + 2


def test_a_unit_is_one_however_much_is_said() -> None:
    grown = tally("unit")
    add(grown, "many words are said here")
    assert (grown.running(), grown.charged_units()) == (1, 1)

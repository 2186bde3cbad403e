r"""Words and characters of a text, for features that are charged by them.

Words are those of Unicode's default rules (UAX #29): the segments between word boundaries that have a letter or a
digit in them. So "can't" is one, "3.14" is one, "don't-stop" two, and every ideograph is one of its own. The boundaries
of the package regex (``(?w)\b``) differ from the rules after apostrophes, on purpose; its tables of Unicode do not, so
the rules stand here as one expression over them. Characters are Unicode code points.
"""

from collections.abc import Callable

import regex

from config.catalog import ModelSpec
from metering.core.tally import CompletionTally

__all__ = ["UnitTally", "count_units", "count_words", "tally_of"]

Key = tuple[int, int, int]  # as the tally's: choice, part, number of the tool call

_RUNNING_CHARS = 8192  # a longer text without white space is counted when it has doubled

# WB4: what extends a character goes with it. The names are those of UAX #29's property values.
_X = r"[\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}]*+"
_LETTER = rf"(?:[\p{{WB=ALetter}}\p{{WB=Hebrew_Letter}}]{_X})"
_HEBREW = rf"(?:\p{{WB=Hebrew_Letter}}{_X})"
_DIGIT = rf"(?:\p{{WB=Numeric}}{_X})"
_KATAKANA = rf"(?:\p{{WB=Katakana}}{_X})"
_JOINER = rf"(?:\p{{WB=ExtendNumLet}}{_X})"
_MID_LETTER = rf"(?:[\p{{WB=MidLetter}}\p{{WB=MidNumLet}}\p{{WB=Single_Quote}}]{_X})"
_MID_DIGIT = rf"(?:[\p{{WB=MidNum}}\p{{WB=MidNumLet}}\p{{WB=Single_Quote}}]{_X})"
_QUOTED = rf"(?:{_HEBREW}\p{{WB=Double_Quote}}{_X}(?={_HEBREW}))"  # WB7b, WB7c
_LETTERS = rf"(?:{_QUOTED}|{_LETTER})++(?:{_MID_LETTER}(?:{_QUOTED}|{_LETTER})++)*+"  # WB5, WB6, WB7
_DIGITS = rf"{_DIGIT}++(?:{_MID_DIGIT}{_DIGIT}++)*+"  # WB8, WB11, WB12
_CORE = rf"(?:(?:{_LETTERS}|{_DIGITS})++|{_KATAKANA}++)"  # WB9, WB10, WB13
_JOINED = rf"{_JOINER}*+{_CORE}(?:{_JOINER}++{_CORE})*+{_JOINER}*+"  # WB13a, WB13b
# WB999: every other letter or digit (ideographs, hiragana, Thai, a superscript) stands alone.
_ALONE = rf"[\p{{Alphabetic}}\p{{N}}]{_X}"
_WORD = regex.compile(rf"{_JOINED}|{_ALONE}")
_LAST_SPACE = regex.compile(r"(?r)\s")


def count_words(text: str) -> int:
    """Return the number of words in a text."""
    return sum(1 for _ in _WORD.finditer(text))


def count_units(base: str, text: str) -> int:
    """Return how many units of a base a text has: words, characters, or one. Tokens are counted elsewhere."""
    match base:
        case "word":
            return count_words(text)
        case "character":
            return len(text)
        case _:
            return 1


class _Texts:
    """The words or characters of some texts that grow."""

    __slots__ = ("_base", "_closed", "_measured", "_pieces")

    def __init__(self, base: str) -> None:
        self._base = base
        self._closed = 0  # characters, or words up to the last white space of each text
        self._pieces: dict[Key, list[str]] = {}
        self._measured: dict[Key, tuple[int, int]] = {}  # of the rest of a text: characters, words

    def add(self, key: Key, piece: str) -> None:
        if self._base == "character":
            self._closed += len(piece)
        elif self._base == "word":
            self._pieces.setdefault(key, []).append(piece)

    def count(self, *, exact: bool) -> int:
        if self._base == "unit":
            return 1
        for key, pieces in self._pieces.items():
            self._close(key, pieces, exact=exact)
        return self._closed + sum(words for _, words in self._measured.values())

    def _close(self, key: Key, pieces: list[str], *, exact: bool) -> None:
        text = "".join(pieces)
        measured, words = self._measured.get(key, (0, 0))
        space = _LAST_SPACE.search(text) if len(pieces) > 1 or not measured else None
        if space is not None:  # no word goes across white space
            self._closed += count_words(text[: space.start()])
            text = text[space.start() :]
            measured = words = 0
        pieces[:] = [text]
        if len(text) != measured and (exact or len(text) <= _RUNNING_CHARS or len(text) >= 2 * measured):
            measured, words = len(text), count_words(text)
        self._measured[key] = measured, words


class UnitTally(CompletionTally):
    """A tally of a reply that is charged by its words or characters, or as one unit: it counts both.

    All text of the reply counts: content, refusals, reasoning that is shown, and what tools are called with.
    """

    __slots__ = ("_units",)

    def __init__(self, count: Callable[[str], int], *, stop_token: bool, base: str) -> None:
        super().__init__(count, stop_token=stop_token)
        self._units = _Texts(base)

    def count(self) -> int:
        """Return the exact number of tokens so far; the units are counted with them, so that they are at hand then."""
        self._units.count(exact=True)
        return super().count()

    def running(self) -> int:
        """Return the units so far: what the hold of such a reply is compared with."""
        super().running()
        return self._units.count(exact=False)

    def charged_units(self) -> int:
        """Return the exact number of units."""
        return self._units.count(exact=True)

    def _add(self, key: Key, piece: str) -> None:
        super()._add(key, piece)
        self._units.add(key, piece)


def tally_of(count: Callable[[str], int], spec: ModelSpec) -> CompletionTally:
    """Return a new tally for an answer of this model; ``count`` counts its tokens."""
    base = spec.rates.base
    if base == "token":
        return CompletionTally(count, stop_token=spec.stop_token)
    return UnitTally(count, stop_token=spec.stop_token, base=base)

"""Where a text can be cut so that the tokens of the pieces add up to those of the whole.

The encodings split a text with a regular expression and merge bytes only inside
what one match covers. The expressions look ahead, never back, so a cut between
x and y is exact when no match can hold both, and no match that ends at x or
before asks what y is except to stop there. That holds for

* any x that is no white space before a space: matches take a space only as their
  first character or within a run of white space;
* a letter before a digit, a line end, a tab or punctuation: a match with letters goes on with
  letters, marks or an apostrophe only, so apostrophes are left out here;
* a digit before a letter, white space or punctuation: matches with digits hold digits only.

Only characters whose Unicode class no version ever changed are named.
"""

import re

__all__ = ["last_boundary"]

_LETTERS = r"A-Za-z\u0410-\u044f\u3041-\u3094\u30a1-\u30fa\u4e00-\u9fa5\uac00-\ud7a3"
_DIGITS = r"0-9"
_BREAKS = r"""\t\n\r !"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f\u201c\u201d"""
_LAST = re.compile(
    rf".*(?:\S(?= )|[{_LETTERS}](?=[{_DIGITS}{_BREAKS}])|[{_DIGITS}](?=[{_LETTERS}{_BREAKS}]))",
    re.DOTALL,
)


# A match holds the interpreter, so a long search goes in steps of a fraction of a millisecond.
_STEP_CHARS = 4096


def last_boundary(text: str, start: int, end: int) -> int:
    """Return the last place in ``start < place < end`` where ``text[start:end]`` may be cut, else ``start``.

    The time is proportional to the distance from the end, so ordinary text takes less than a microsecond.
    """
    while end - start > 1:
        low = max(start, end - _STEP_CHARS)
        found = _LAST.match(text, low, end)
        if found is not None:
            return found.end()
        end = low + 1
    return start

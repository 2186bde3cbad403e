"""The month, played once for all tests that look at it."""

from collections.abc import Iterator

import pytest
import tiktoken

from tests.e2e.month.life import Month, a_month
from tests.e2e.organisation import Organisation


@pytest.fixture(scope="package")
def bias(tokenizer: tiktoken.Encoding) -> dict[str, int]:
    """What leaves the model one word to say, which is one token."""
    (word,) = tokenizer.encode_ordinary(" on")
    return {str(word): 100}


@pytest.fixture(scope="package")
def month(llama: str, bias: dict[str, int]) -> Iterator[Month]:
    """The month, over; its Farebox runs until the last test of this folder has looked at it."""
    with a_month(llama, bias) as played:
        yield played


@pytest.fixture
def acme(month: Month) -> Organisation:
    """The organisation that counts in tokens."""
    return month.organisations["acme"]


@pytest.fixture
def globex(month: Month) -> Organisation:
    """The one that counts in credits."""
    return month.organisations["globex"]

"""The tree of errors is what its docstring prints."""

import inspect
import re

import providers.errors
from providers.errors import ProviderError, UpstreamGoneError, UpstreamStatusError, UpstreamTooLargeError


def test_docstring_prints_the_whole_tree() -> None:
    printed = re.findall(r"── (\w+) ", providers.errors.__doc__ or "")
    classes = [name for name, _ in inspect.getmembers(providers.errors, inspect.isclass) if name != "ProviderError"]
    assert sorted(printed) == sorted(classes)
    assert all(issubclass(getattr(providers.errors, name), ProviderError) for name in printed)


def test_refusals_are_data() -> None:
    assert UpstreamGoneError("why", received=b"half").received == b"half"
    assert UpstreamTooLargeError(bytes_max=9).bytes_max == 9
    refused = UpstreamStatusError(status=429, headers=[(b"retry-after", b"1")], body=b"slow down")
    assert (refused.status, refused.headers, refused.body) == (429, [(b"retry-after", b"1")], b"slow down")
    assert "slow down" not in str(refused)

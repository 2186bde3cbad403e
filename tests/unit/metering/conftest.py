"""The real tokenizer, loaded once, and model specs made from a name."""

from collections.abc import Callable, Iterator

import msgspec
import pytest

from config.catalog import ModelSpec, Rates, has_stop_token, reply_primer_of
from metering.counter import TokenCounter
from providers.wire.chat import ChatRequest, parse_chat_request


@pytest.fixture(scope="session")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenCounter]:
    counter = TokenCounter(tmp_path_factory.mktemp("vocabularies"), inline_bytes_max=16_384)
    yield counter
    counter.close()


@pytest.fixture(scope="session")
def o200k(counter: TokenCounter) -> Callable[[str], int]:
    return counter.encoder("o200k_base")


@pytest.fixture(scope="session")
def cl100k(counter: TokenCounter) -> Callable[[str], int]:
    return counter.encoder("cl100k_base")


@pytest.fixture(scope="session")
def spec_of() -> Callable[..., ModelSpec]:
    def make(model: str = "gpt-4o", encoding: str = "o200k_base") -> ModelSpec:
        return ModelSpec(
            name=model,
            provider="openai",
            upstream_model=model,
            encoding=encoding,
            reply_primer=reply_primer_of(model),
            stop_token=has_stop_token(model, encoding),
            context_tokens=128_000,
            max_completion_tokens=16_384,
            default_hold_tokens=1024,
            safety_factor=1_000_000,
            rates=Rates(prompt=1_000_000, cached=1_000_000, completion=1_000_000),
            rate_version="1",
            fallbacks=(),
            label="m",
        )

    return make


@pytest.fixture(scope="session")
def chat_of() -> Callable[..., ChatRequest]:
    def make(**fields: object) -> ChatRequest:
        fields = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], **fields}
        return parse_chat_request(msgspec.json.encode(fields))

    return make

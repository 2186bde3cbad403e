import asyncio
import gzip
import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from config.catalog import ModelSpec
from metering import counter as shell
from metering.core.tally import CompletionTally
from metering.counter import TokenCounter, VocabularyError
from providers.wire.chat import ChatRequest, decode_response

Count = Callable[[str], int]
Specs = Callable[..., ModelSpec]
Chats = Callable[..., ChatRequest]


@pytest.mark.parametrize(
    ("text", "in_cl100k", "in_o200k"),
    [
        ("", 0, 0),
        ("tiktoken is great!", 6, 6),
        ("antidisestablishmentarianism", 6, 6),
        ("2 + 2 = 4", 7, 7),
        ("お誕生日おめでとう", 9, 8),
        ("<|endoftext|>", 7, 7),
        ("The food was delicious and the waiter...", 8, 8),
        ("Say this is a test", 5, 5),
    ],
)
def test_text_is_counted_as_published(text: str, in_cl100k: int, in_o200k: int, cl100k: Count, o200k: Count) -> None:
    assert (cl100k(text), o200k(text)) == (in_cl100k, in_o200k)


def test_lone_surrogates_count_as_replacement_characters(o200k: Count) -> None:
    assert o200k("a\ud83d b") == o200k("a\ufffd b")
    assert o200k("\ud83d\ude00") == o200k("😀")


def test_harmony_is_counted_as_o200k_from_one_copy(counter: TokenCounter) -> None:
    assert counter.encoder("o200k_harmony") == counter.encoder("o200k_base")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        pytest.param("a" * 10_000_000, 1_250_000, id="10 MB of one letter"),
        pytest.param(" " * 2_000_000, 15_625, id="2 million spaces"),
        pytest.param("hello world " * 100_000, 200_001, id="1.2 MB of words"),
        pytest.param("<|endoftext|>" * 100_000, 600_001, id="1.3 MB of special tokens"),
    ],
)
def test_huge_texts_are_counted_right(text: str, tokens: int, o200k: Count) -> None:
    assert o200k(text) == tokens


def test_slices_add_up_to_what_the_tokenizer_says_of_the_whole(counter: TokenCounter) -> None:
    words = "".join(f"{number} bottles of beer, ça va? 中文。don't\n" for number in range(10_000))
    runs = "".join("x" * (number * 39_989 % 150_000) + ". " for number in range(8))
    encode = _encode_of(counter, "o200k_base")
    for text in (words, runs):
        assert len(text) > 4 * shell._SLICE_CHARS
        assert counter.encoder("o200k_base")(text) == len(encode(text))


def _encode_of(counter: TokenCounter, encoding: str) -> Callable[[str], list[int]]:
    return counter._encoder(encoding)._encode


@pytest.mark.parametrize("text", [" " * 3_000_000, "\u00a0" * 1_100_000 + "x", "ab" * 1_000_000])
def test_no_slice_is_long_enough_to_panic(text: str) -> None:
    slices = list(shell._slices(text))
    assert "".join(slices) == text
    assert max(map(len, slices)) <= shell._RUN_CHARS < 1_000_000


class PanicException(BaseException):
    """What a panic in Rust looks like from outside."""


def test_panic_counts_the_bytes() -> None:
    def panic(_: str) -> list[int]:
        raise PanicException

    assert shell._Encoder(panic, lambda _: []).count("aé\ud83d") == 6


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_other_errors_are_raised(error: type[BaseException]) -> None:
    def fail(_: str) -> list[int]:
        raise error

    with pytest.raises(error):
        shell._Encoder(fail, lambda _: []).count("a")


def test_vocabulary_is_laid_where_tiktoken_looks(tmp_path: Path) -> None:
    cache = tmp_path / "state" / "vocabularies"
    counter = TokenCounter(cache, inline_bytes_max=16_384)
    counter.warm("cl100k_base")
    counter.close()
    (file,) = cache.iterdir()
    assert file.name == "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == shell._VOCABULARIES["cl100k_base"].sha256


def test_damaged_vocabulary_is_replaced(tmp_path: Path) -> None:
    vocabulary = shell._VOCABULARIES["cl100k_base"]
    file = tmp_path / vocabulary.cache_key
    file.write_bytes(b"damaged")
    counter = TokenCounter(tmp_path, inline_bytes_max=16_384)
    counter.warm("cl100k_base")
    counter.close()
    assert hashlib.sha256(file.read_bytes()).hexdigest() == vocabulary.sha256


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "cannot read"),
        (b"no gzip", "cannot read"),
        (gzip.compress(b"x" * 1000, mtime=0)[:-12], "cannot read"),
        (gzip.compress(b"other words", mtime=0), "is not the vocabulary"),
    ],
)
def test_bad_data_is_a_clear_error(data: bytes | None, said: str, tmp_path: Path) -> None:
    vocabulary = shell._VOCABULARIES["cl100k_base"]
    if data is not None:
        (tmp_path / vocabulary.resource).write_bytes(data)
    with pytest.raises(VocabularyError, match=said):
        shell._prepare(vocabulary, tmp_path, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    counter = TokenCounter(tmp_path / "file" / "cache", inline_bytes_max=16_384)
    with pytest.raises(VocabularyError, match="cannot write the vocabulary"):
        counter.warm("cl100k_base")
    counter.close()


def test_unknown_encoding_is_a_clear_error(counter: TokenCounter) -> None:
    with pytest.raises(VocabularyError, match=r"'p50k_base' is not known; use one of cl100k_base"):
        counter.encoder("p50k_base")


async def test_short_prompt_is_counted_without_a_thread(tmp_path: Path, spec_of: Specs, chat_of: Chats) -> None:
    counter = TokenCounter(tmp_path, inline_bytes_max=16_384)
    counter.warm("o200k_base")
    counter.close()  # no thread can be used from now on
    assert await counter.count_prompt(chat_of(), spec_of()) == 8


async def test_encoding_that_is_not_loaded_is_loaded_in_a_thread(
    tmp_path: Path, spec_of: Specs, chat_of: Chats
) -> None:
    counter = TokenCounter(tmp_path, inline_bytes_max=16_384)
    assert await counter.count_prompt(chat_of(), spec_of()) == 8
    counter.close()


async def test_long_prompt_leaves_the_loop_free(counter: TokenCounter, spec_of: Specs, chat_of: Chats) -> None:
    counter.warm("o200k_base")
    chat = chat_of(messages=[{"role": "user", "content": "hello world " * 200_000}])
    counting = asyncio.create_task(counter.count_prompt(chat, spec_of()))
    turns = 0
    while not counting.done():
        await asyncio.sleep(0)
        turns += 1
    assert await counting == 400_001 + 7
    assert turns > 10


async def test_prompt_that_nobody_waits_for_frees_its_thread(tmp_path: Path, spec_of: Specs, chat_of: Chats) -> None:
    counter = TokenCounter(tmp_path, inline_bytes_max=16_384)
    counter.warm("o200k_base")
    chat = chat_of(messages=[{"role": "user", "content": "hello world " * 1_000_000}])
    counting = [asyncio.create_task(counter.count_prompt(chat, spec_of())) for _ in range(50)]
    await asyncio.sleep(0)
    for task in counting:
        task.cancel()
    assert all(isinstance(e, asyncio.CancelledError) for e in await asyncio.gather(*counting, return_exceptions=True))
    async with asyncio.timeout(10):  # all of them together would take longer
        assert await counter.count_prompt(chat_of(messages=[{"role": "user", "content": "hi " * 10_000}]), spec_of())
    counter.close()


def test_abandoned_count_ends_at_the_next_slice(counter: TokenCounter) -> None:
    abandoned = threading.Event()
    assert counter._encoder("o200k_base").count_while_wanted("hello world", abandoned) == 2
    abandoned.set()
    with pytest.raises(shell._AbandonedError):
        counter._encoder("o200k_base").count_while_wanted("hello world", abandoned)


def _tally(count: Count, text: str) -> CompletionTally:
    answer = decode_response(b'{"choices":[{"message":{"content":"%s"}}]}' % text.encode())
    assert answer is not None
    tally = CompletionTally(count, stop_token=False)
    tally.add_response(answer)
    return tally


@pytest.mark.parametrize("words", [1, 100_000])
async def test_tally_is_counted_short_or_long(words: int, counter: TokenCounter, o200k: Count) -> None:
    assert await counter.count_tally(_tally(o200k, "hello" * words)) == o200k("hello" * words)


async def test_cancelled_tally_is_left_only_when_its_count_has_ended(counter: TokenCounter, o200k: Count) -> None:
    tally = _tally(o200k, "hello world " * 100_000)
    counting = asyncio.create_task(counter.count_tally(tally))
    await asyncio.sleep(0)
    counting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await counting
    assert tally.open_bytes < 10
    assert tally.count() == 200_001


def test_instructions_are_counted_once_and_the_same_each_time(
    counter: TokenCounter, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = counter._encoder("o200k_base")
    asked: list[str] = []

    def encode(text: str) -> list[int]:
        asked.append(text)
        return [0] * len(text)

    monkeypatch.setattr(encoder, "_encode", encode)
    monkeypatch.setattr(encoder, "_known", {})
    monkeypatch.setattr(shell, "_KNOWN_MAX", 2)
    counts = [encoder.count_again(text) for text in ("one", "three", "one", "four", "one")]
    assert counts == [3, 5, 3, 4, 3]
    assert asked == ["one", "three", "four", "one"], "more than so many are not remembered"

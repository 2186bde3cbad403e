"""What follows a change, at once or when it is committed."""

from collections.abc import Iterable

from gateway.effects import LaterEffects
from metering.core.limits import Limit
from metering.ledger import AccountState


class Told(LaterEffects):
    """Remembers the order in which it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[object] = []

    async def push(self, state: AccountState) -> None:
        self.order.append(state)

    async def changed(self, digests: Iterable[bytes]) -> None:
        self.order.extend(digests)

    async def account_changed(self, account_id: str) -> None:
        self.order.append(account_id)

    async def begin_again(self, account_id: str, tag: str, names: frozenset[Limit]) -> None:
        self.order.append((account_id, tag, names))


async def test_what_is_noted_happens_once_it_may() -> None:
    later, told = LaterEffects(), Told()
    states = [AccountState("a", 1, "{}"), AccountState("b", 2, "{}")]
    for state in states:
        await later.push(state)
    await later.changed([b"key"])
    await later.account_changed("a")
    await later.begin_again("a", "u:u1", frozenset({Limit.DAY}))
    assert told.order == []
    await later.happen(told)
    assert told.order == [b"key", "a", *states, ("a", "u:u1", frozenset({Limit.DAY}))]

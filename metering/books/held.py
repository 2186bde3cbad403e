"""SHELL: what is held on packs, as Redis counts it."""

import asyncio
from collections.abc import Sequence

import msgspec

from metering.admission import Admission
from metering.books.records import Pack
from metering.errors import MeterUnavailableError
from metering.keys import keys_of
from metering.stores import Store


async def with_reserved(packs: Sequence[Pack], admission: Admission, store: Store) -> list[Pack]:
    """Return the packs with what is held on each; unknown, and so left out, while Redis does not answer."""
    accounts = {pack.account_id for pack in packs}
    held = dict(
        zip(accounts, await asyncio.gather(*(_held_on(one, packs, admission, store) for one in accounts)), strict=True)
    )
    return [msgspec.structs.replace(pack, reserved=held[pack.account_id].get(pack.id)) for pack in packs]


async def _held_on(account_id: str, packs: Sequence[Pack], admission: Admission, store: Store) -> dict[str, int]:
    own = [pack for pack in packs if pack.account_id == account_id]
    try:
        await admission.view(account_id, own[0].resource)  # an account that is not loaded has no counters
    except MeterUnavailableError:
        return {}
    return await _counters(account_id, [(pack.resource, pack.id) for pack in own], store)


async def held_on(
    account_id: str, resource: str, pack_ids: Sequence[str], admission: Admission, store: Store
) -> dict[str, int]:
    """Return what is held on each of these packs of an account. Raises MeterUnavailableError."""
    await admission.view(account_id, resource)
    return await _counters(account_id, [(resource, one) for one in pack_ids], store) if pack_ids else {}


async def _counters(account_id: str, packs: Sequence[tuple[str, str]], store: Store) -> dict[str, int]:
    fields = [f"h:{resource}:{pack_id}" for resource, pack_id in packs]
    reply = await store.call(b"HMGET", keys_of(account_id).account, *fields)
    if not isinstance(reply, list):
        return {}
    return {pack_id: int(amount or 0) for (_, pack_id), amount in zip(packs, reply, strict=True)}

"""/admin/v1/proof: all that tells whether the books are right, in one read."""

import asyncio
from datetime import UTC, datetime

import msgspec
from aiohttp import web

from gateway.admin.audit import audit_of
from gateway.admin.paging import refuse_unknown
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.errors import timestamp
from gateway.openapi.operation import operation
from metering.audit import AuditReport
from metering.errors import RedisDownError
from metering.keys import BUCKETS, deadlines_key
from metering.reconciler import Drift

DRIFT_SHOWN = 10


class RecoveredRequests(msgspec.Struct, kw_only=True):
    """Requests that were settled for a gateway that died; ``corrected`` are those whose exact usage came later."""

    requests: int
    corrected: int
    last_at: str | None


class LastSeal(msgspec.Struct, kw_only=True):
    """The newest seal: the head of the chain."""

    position: int
    sealed_at: str
    hash: str


class Proof(msgspec.Struct, kw_only=True):
    """Whether the books are right, as far as is known ``at``.

    ``audit`` is null before the first one. ``drift`` (the newest finds) and ``holds_open`` are null while Redis can't
    tell. ``unsettled`` are settlements of the gateway process that answers which wait for Postgres; ``parked`` those of
    all that Postgres refused.
    """

    at: str
    audit: AuditReport | None
    drift: list[Drift] | None
    holds_open: int | None
    unsettled: int
    parked: int
    recovered: RecoveredRequests
    seal: LastSeal | None


@operation("adminGetProof", "Read all that tells whether the books are right", answer=Proof)
async def get_proof(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/proof."""
    refuse_unknown(request.query, [])
    (found,) = await deps.ledger.rows("proof")
    seals = await deps.books.seals.page(limit=1, before=None, account_id=None)
    seal = seals[0] if seals else None
    proof = Proof(
        at=timestamp(int(datetime.now(UTC).timestamp() * 1000)),
        audit=await audit_of(deps).last(),
        drift=await _drift(deps),
        holds_open=await _holds_open(deps),
        unsettled=deps.settler.open,
        parked=found["parked"],
        recovered=RecoveredRequests(
            requests=found["recovered"], corrected=found["corrected"], last_at=found["recovered_at"]
        ),
        seal=LastSeal(position=seal.position, sealed_at=seal.sealed_at, hash=seal.hash) if seal else None,
    )
    return answered(proof)


async def _drift(deps: Deps) -> list[Drift] | None:
    try:
        return await deps.reconciler.told(DRIFT_SHOWN)
    except RedisDownError:
        return None


async def _holds_open(deps: Deps) -> int | None:
    """Return how many holds Redis has, of all accounts and gateways: each has a deadline in its bucket."""
    counts = await asyncio.gather(*(deps.store.call(b"ZCARD", deadlines_key(bucket)) for bucket in range(BUCKETS)))
    known = [count for count in counts if isinstance(count, int)]
    return sum(known) if len(known) == len(counts) else None


def routes() -> list[web.RouteDef]:
    """Return the route of the proof."""
    return [web.get("/admin/v1/proof", admin(get_proof), allow_head=False)]

"""/admin/v1/seals: the chain of seals, to be written down elsewhere and to be verified."""

from aiohttp import web

from gateway.admin.cursors import SealPlace, encode_cursor
from gateway.admin.paging import one_of, refuse_unknown, seals_query
from gateway.admin.queries import SealsQuery, VerifyQuery
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.errors import invalid
from gateway.openapi.operation import list_of, operation
from metering.books.seals import SealRecord
from metering.core.seals import Anchor, parse_anchor
from metering.verifier import Verification, Verifier


@operation("adminListSeals", "List seals, newest first", query=SealsQuery, answer=list_of(SealRecord))
async def list_seals(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/seals, newest first: the first one is the head of the chain."""
    asked = seals_query(request.query)
    found = await deps.books.seals.page(limit=asked.limit + 1, before=asked.before, account_id=asked.account_id)
    shown = found[: asked.limit]
    cursor = encode_cursor(SealPlace(shown[-1].position)) if len(found) > asked.limit else None
    return answered({"data": shown, "next_cursor": cursor})


@operation("adminVerifySeals", "Recompute the chain from the rows now", query=VerifyQuery, answer=Verification)
async def verify_seals(request: web.Request, deps: Deps) -> web.Response:
    """Serve POST /admin/v1/seals/verify: recompute the chain from the rows now."""
    refuse_unknown(request.query, ["anchor", "since"])
    anchors = [_anchor(text, "anchor") for text in request.query.getall("anchor", [])]
    since = _anchor(one_of(request.query, "since"), "since") if "since" in request.query else None
    return answered(await Verifier(deps.ledger).run(anchors, since))


def _anchor(text: str, name: str) -> Anchor:
    try:
        return parse_anchor(text)
    except ValueError as error:
        raise invalid(f"{name} is not right: {error}.", name) from error


def routes() -> list[web.RouteDef]:
    """Return the routes of seals."""
    return [
        web.get("/admin/v1/seals", admin(list_seals), allow_head=False),
        web.post("/admin/v1/seals/verify", admin(verify_seals, changes=False)),
    ]

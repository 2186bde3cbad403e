"""…/audit-trail: who changed what."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from gateway.admin.cursors import TrailPlace, decode_cursor, encode_cursor
from gateway.admin.paging import FILTERS, limit_of, one_of, refuse_unknown
from gateway.admin.queries import TrailQuery
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.openapi.operation import list_of, operation
from metering.books.trail import Line, TrailFilters

_, text_of = FILTERS["model"]
# The parameters: the filter each one is, and how its text is read; the first three as everywhere.
PARAMETERS = {
    **{name: FILTERS[name] for name in ("account_id", "from", "to")},
    **{name: (name, text_of) for name in ("actor", "action", "object")},
}


@operation("adminListTrail", "List who changed what", query=TrailQuery, answer=list_of(Line))
async def list_lines(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/audit-trail, newest first."""
    return await serve_trail(request, deps, None)


async def serve_trail(request: web.Request, deps: Deps, account_id: str | None) -> web.Response:
    """Answer lines of the trail, of one account where one is given: there the admin keys have no names."""
    query = request.query
    refuse_unknown(query, [*PARAMETERS, "limit", "cursor"])
    values: dict[str, Any] = {
        field: read(one_of(query, name), name) for name, (field, read) in PARAMETERS.items() if name in query
    }
    filters = TrailFilters(**values)
    limit = limit_of(query)
    place = decode_cursor(one_of(query, "cursor"), TrailPlace) if "cursor" in query else None
    if account_id is not None and filters.account_id not in {None, account_id}:
        return answered(_page([], limit))
    if account_id is not None:
        filters = filters._replace(account_id=account_id)
    after = (place.at, str(place.id)) if place else None
    found = await deps.books.trail.page(filters, limit=limit + 1, after=after)
    page = _page(found, limit)
    if account_id is not None:
        page["data"] = [_nameless(line) for line in found[:limit]]
    return answered(page)


def _page(found: Sequence[Line], limit: int) -> dict[str, object]:
    shown = found[:limit]
    last = shown[-1] if len(found) > limit else None
    cursor = encode_cursor(TrailPlace(datetime.fromisoformat(last.at), UUID(last.id))) if last else None
    return {"data": shown, "next_cursor": cursor}


def _nameless(line: Line) -> Line:
    """Return a line as an account sees it: which of the platform's admins it was is the platform's own matter."""
    return msgspec.structs.replace(line, actor=None) if line.actor_kind == "platform_admin" else line


def routes() -> list[web.RouteDef]:
    """Return the platform admins' route of the trail."""
    return [web.get("/admin/v1/audit-trail", admin(list_lines), allow_head=False)]

"""/admin/v1/audit: the proof that the books are right."""

from aiohttp import web

from gateway.admin.paging import list_query
from gateway.admin.queries import ListQuery
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.errors import not_found
from gateway.openapi.operation import list_of, operation
from metering.audit import Audit, AuditReport
from metering.reconciler import Drift
from metering.redis_audit import RedisAudit


def audit_of(deps: Deps) -> Audit:
    """Return an audit of Postgres and Redis."""
    redis = RedisAudit(deps.ledger, deps.admission, deps.store, deps.books.balances, deps.settings.meter)
    return Audit(deps.ledger, redis)


@operation("adminGetAudit", "Read what the last audit found", answer=AuditReport, refuses=(404,))
async def last_audit(_: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/audit: what the last run found, whichever gateway ran it."""
    report = await audit_of(deps).last()
    if report is None:
        raise not_found("An audit that has run")
    return answered(report)


@operation("adminRunAudit", "Check every invariant now", answer=AuditReport)
async def run_audit(_: web.Request, deps: Deps) -> web.Response:
    """Serve POST /admin/v1/audit: check every invariant now."""
    return answered(await audit_of(deps).run())


@operation("adminListDrift", "List what was found different in Redis", query=ListQuery, answer=list_of(Drift))
async def list_drift(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/drift: what was found wrong in Redis, newest first, and whether it was put right."""
    asked = list_query(request.query)
    return answered({"data": await deps.reconciler.told(asked.limit), "next_cursor": None})


def routes() -> list[web.RouteDef]:
    """Return the routes of the audit."""
    return [
        web.get("/admin/v1/audit", admin(last_audit), allow_head=False),
        web.post("/admin/v1/audit", admin(run_audit, changes=False)),
        web.get("/admin/v1/drift", admin(list_drift), allow_head=False),
    ]

"""The API of platform admins, under /admin/v1: a file for each noun."""

from aiohttp import web

from gateway.admin import accounts, audit, keys, ledger, packs, seals, statements


def routes() -> list[web.RouteDef]:
    """Return all routes of the admin API."""
    return [route for noun in (accounts, statements, keys, packs, ledger, audit, seals) for route in noun.routes()]

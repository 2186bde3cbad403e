"""The API of platform admins, under /admin/v1: a file for each noun."""

from aiohttp import web

from gateway.admin import (
    accounts,
    audit,
    features,
    keys,
    ledger,
    limits,
    members,
    models,
    overview,
    packs,
    pools,
    prices,
    proof,
    recurring,
    resources,
    seals,
    sheets,
    statements,
    trail,
    usage,
)


def routes() -> list[web.RouteDef]:
    """Return all routes of the admin API."""
    money = (packs, recurring, pools, resources, statements)
    reads = (overview, ledger, usage, sheets)
    nouns = (accounts, members, keys, limits, *money, features, models, prices, *reads, audit, proof, seals, trail)
    return [route for noun in nouns for route in noun.routes()]

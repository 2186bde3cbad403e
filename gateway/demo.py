"""The demo account of a first start: a key and a pack, so that a curl line works at once.

Its key is kept in the state directory, so that later starts can print the line again.
"""

from dataclasses import dataclass
from pathlib import Path

from config.catalog import Catalog
from config.settings import Settings
from gateway.kept import keep, kept
from metering.books import Books
from metering.ledger import Ledger

NAME = "Demo"
USER = "demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What a person needs to try the gateway."""

    key: str
    model: str


async def make_demo(settings: Settings) -> Demo | None:
    """Return the demo's key; make the account when the ledger has none yet. None: there is no demo here."""
    if not settings.demo.enabled:
        return None
    path = settings.state_dir / "demo.key"
    key = kept(path)
    if key is None:
        key = await _make(settings, path)
    return Demo(key=key, model=_model(settings)) if key else None


async def _make(settings: Settings, path: Path) -> str | None:
    assert settings.postgres.url
    ledger = Ledger(settings.postgres.url, settings.postgres)
    await ledger.start()
    try:
        books = Books(ledger, settings.meter)
        if await books.accounts.page(limit=1, before=None):
            return None
        account = await books.accounts.create(name=NAME)
        await books.packs.grant(account.id, settings.demo.pack_tokens, note="A first pack, to try it out")
        key = await books.keys.create(account.id, name="demo", user_id=USER, role="admin")
    finally:
        await ledger.stop()
    return keep(path, key.key) if key else None


def _model(settings: Settings) -> str:
    """Return the first model of a real provider, else the simulated one."""
    catalog = Catalog(settings)
    names = catalog.names()
    real = [name for name in names if settings.providers[catalog.resolve(name).provider].kind != "simulated"]
    return "gpt-4o-mini" if "gpt-4o-mini" in real else (real or names)[0]

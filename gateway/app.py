"""The composition root: the only module that constructs shells."""

import asyncio
import gc
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from aiohttp import web

from config.catalog import Catalog, ModelSpec
from config.settings import Settings
from gateway.addresses import Addresses
from gateway.auth import Authenticator
from gateway.callers import Callers
from gateway.deps import DEPS, Current, Deps
from gateway.doors import ENDPOINT, Door
from gateway.effects import Effects
from gateway.forwarder import Forwarder
from gateway.importer import PriceImporter
from gateway.middleware import HEADER_BYTES_MAX, TOP_UP_URL
from gateway.routes import add_routes
from gateway.sessions import Sessions
from gateway.sign_ins import SignIns
from gateway.site import SITE, STATIC, load_site
from metering.admission import Admission
from metering.books import Books
from metering.books.writes import Writes
from metering.counter import TokenCounter
from metering.epochs import Epochs
from metering.ids import new_id
from metering.journal import Journal
from metering.key_mirror import KeyMirror
from metering.ledger import Ledger
from metering.meter import Meter
from metering.reconciler import Reconciler
from metering.recovery import Recovery
from metering.recurrence import RecurringGrants
from metering.reservations import Reservations
from metering.retention import Retention
from metering.roller import Roller
from metering.sealer import Sealer
from metering.settler import Settler
from metering.stores import open_store
from metering.tariff import TariffKeeper
from metering.upkeep import Chore, Upkeep
from providers.registry import Registry
from providers.transport import Transport
from providers.wire.chat import parse_chat_request

KEYS_SECONDS = 5.0
ANSWERS_SECONDS = 60.0
SPEND_SECONDS = 3600.0
RETENTION_SECONDS = 21_600.0  # a month is due once a month
GC_THRESHOLDS = (20_000, 20, 20)


def build_app(settings: Settings, static: Path = STATIC) -> web.Application:
    """Return the application; its parts start and stop with it. Both URLs and the admin key must be set.

    ``static`` is where the dashboard was built, if it was.
    """
    app = web.Application(client_max_size=settings.server.body_bytes_max)
    app[HEADER_BYTES_MAX] = settings.server.header_bytes_max
    if settings.top_up_url:
        app[TOP_UP_URL] = settings.top_up_url
    site = load_site(static)
    if site is not None:
        app[SITE] = site
    add_routes(app)

    async def run_parts(app: web.Application) -> AsyncIterator[None]:
        parts = Parts(settings)
        app[DEPS] = parts.current
        app[PARTS] = parts
        await parts.start()
        yield
        await parts.stop()

    app.cleanup_ctx.append(run_parts)
    return app


class Parts:
    """All shells of one gateway process, in the order in which they start."""

    def __init__(self, settings: Settings) -> None:
        assert settings.postgres.url
        assert settings.redis.url
        assert settings.auth.admin_key
        self.settings = settings
        self.instance_id = new_id()
        self.ledger = Ledger(settings.postgres.url, settings.postgres)
        self.epochs = Epochs(self.ledger, self.instance_id, settings.meter, settings.redis)
        self.store = open_store(settings.redis.url, settings.redis, self._served, self.epochs.parted)
        self.epochs.store = self.store
        self.admission = Admission(
            self.store, self.epochs, self.ledger, settings.meter, self.instance_id, settings.resources
        )
        journals = settings.state_dir / "journal"
        self.journal = Journal(journals, self.instance_id, settings.journal)
        self.settler = Settler(self.ledger, self.admission, settings.meter)
        self.meter = Meter(self.admission, self.settler, self.journal, settings.meter)
        self.reservations = self._reserving()
        self.epochs.announce = self._announce
        self.recovery = self._recovering(journals)
        self.recovery.reserved = self.reservations.look_after
        self.reconciler = Reconciler(self.ledger, self.store, self.epochs, settings.meter, self.instance_id)
        self.counter = TokenCounter(settings.state_dir / "tokenizer", settings.meter.count_inline_bytes_max)
        self.transport = Transport(settings.upstream)
        self.addresses = Addresses(settings.server.trusted_proxies)
        self.auth = self._authenticator()
        self.sessions = Sessions(self.ledger, settings.dashboard, settings.auth)
        self.callers = Callers(self.auth, self.sessions, settings.auth.admin_key)
        dashboard = settings.dashboard
        self.sign_ins = SignIns(each=dashboard.sign_ins_per_minute, total=dashboard.sign_ins_total_per_minute)
        self.reloading = asyncio.Lock()
        self.writes = Writes(self.ledger, settings.meter, settings.postgres)
        self.tariff = TariffKeeper(self.ledger, settings)
        self.current = Current(self._dealt(settings))
        self.upkeep = self._upkeeping()

    def _dealt(self, settings: Settings) -> Deps:
        """Return what handlers use, by these settings; what runs is the same as ever."""
        catalog = Catalog(settings)
        registry = Registry(settings, self.transport, count_prompt=self._count_prompt)
        books = Books(self.ledger, settings.meter, settings.resources)
        return Deps(
            settings=settings,
            catalog=catalog,
            addresses=self.addresses,
            auth=self.auth,
            callers=self.callers,
            door=Door(self.auth, ENDPOINT),
            sessions=self.sessions,
            sign_ins=self.sign_ins,
            counter=self.counter,
            meter=self.meter,
            forwarder=Forwarder(catalog, registry),
            tariff=self.tariff,
            importer=PriceImporter(books, self.writes, self.tariff, catalog, settings),
            ledger=self.ledger,
            books=books,
            writes=self.writes,
            effects=Effects(self.settler, self.auth, self.tariff, self.admission.spends),
            store=self.store,
            epochs=self.epochs,
            admission=self.admission,
            settler=self.settler,
            reconciler=self.reconciler,
            reservations=self.reservations,
        )

    def _recovering(self, journals: Path) -> Recovery:
        return Recovery(
            ledger=self.ledger,
            store=self.store,
            epochs=self.epochs,
            admission=self.admission,
            settler=self.settler,
            settings=self.settings.meter,
            journals=journals,
            instance_id=self.instance_id,
            owns=self.meter.owns,
        )

    def _reserving(self) -> Reservations:
        return Reservations(
            ledger=self.ledger,
            admission=self.admission,
            settler=self.settler,
            epochs=self.epochs,
            meter=self.meter,
            settings=self.settings.meter,
        )

    def _upkeeping(self) -> Upkeep:
        return Upkeep(
            settings=self.settings,
            ledger=self.ledger,
            store=self.store,
            epochs=self.epochs,
            meter=self.meter,
            settler=self.settler,
            recovery=self.recovery,
            more=self._chores(),
        )

    def _authenticator(self) -> Authenticator:
        mirror = KeyMirror(self.store, self.epochs)
        return Authenticator(self.ledger, mirror, self.settings.auth, self.settings.meter, self.addresses)

    def _chores(self) -> list[Chore]:
        meter, prices, seal_seconds = self.settings.meter, self.settings.prices, self.settings.meter.seal_seconds
        updates = [Chore("prices", prices.update_hours * 3600, self._update_prices)] if prices.update_hours else []
        roller = Roller(self.ledger)
        retention = Retention(self.ledger, roller, keep_months=meter.events_keep_months)
        drops = [Chore("retention", RETENTION_SECONDS, retention.drop_due)] if meter.events_keep_months else []
        return [
            *updates,
            *drops,
            Chore("tariffs", prices.refresh_seconds, self.tariff.refresh),
            Chore("reservations", meter.sweep_seconds, self.reservations.end_due),
            Chore("recurring", meter.recurring_seconds, RecurringGrants(self.writes, self.settler).grant_due),
            Chore("keys", KEYS_SECONDS, self.auth.flush),
            Chore("answers", ANSWERS_SECONDS, self.current.now.books.answers.forget_old),
            Chore("sessions", ANSWERS_SECONDS, self.sessions.forget_old),
            Chore("spend", SPEND_SECONDS, self.current.now.books.limits.forget_old),
            Chore("reconcile", meter.reconcile_seconds, self.reconciler.take_turn),
            Chore("seal", seal_seconds / 2, Sealer(self.ledger, seal_seconds=seal_seconds).seal_due),
            Chore("roll", meter.rollup_seconds, roller.roll_due),
        ]

    async def start(self) -> None:
        """Connect, warm the tokenizer, recover what the last process left, start the chores."""
        await self.ledger.start()
        await self.ledger.beat(self.instance_id)
        await self.tariff.reload()
        await self.store.start()
        self._warm(self.settings)
        self.settler.start()
        self.meter.start()
        self.upkeep.start()
        # What lives until the end need not be looked at by every collection, and requests leave few cycles behind.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)

    async def reload(self, settings: Settings) -> None:
        """Go on with other settings, of which only what may change (config/reload.py) differs.

        What has begun goes on with what it began with: requests have their own Deps, holds their facts.
        """
        async with self.reloading:
            await asyncio.to_thread(self._warm, settings)
            dealt = self._dealt(settings)  # whatever fails, fails before anything has changed
            self.settings = settings
            self.admission.follow(settings.meter, settings.resources)
            self.tariff.follow(settings)
            self.auth.follow(settings.meter)
            self.current.now = dealt

    def _warm(self, settings: Settings) -> None:
        for encoding in {model.encoding for model in settings.models.values()}:
            self.counter.warm(encoding)

    async def _update_prices(self) -> None:
        await self.current.now.importer.update()

    async def _served(self, owners: Mapping[int, str]) -> None:
        """Judge a Redis each time before it is used: another server may have another configuration."""
        self.upkeep.judge_redis()
        await self.epochs.served(owners)

    async def stop(self) -> None:
        """Drain settlements, then close everything. What can't be drained stays in the journal."""
        await self.meter.drain(self.settings.server.drain_seconds)
        await self.upkeep.stop()
        await self.meter.stop()
        await self.settler.stop()
        await self.transport.close()
        self.journal.close()
        if not self.journal.unfinished:
            await self.ledger.forget_quietly(self.instance_id)
        await self.store.stop()
        await self.ledger.stop()
        self.counter.close()

    async def _announce(self, buckets: frozenset[int]) -> None:
        await self.meter.announce(buckets)
        await self.reservations.announce(buckets)

    async def _count_prompt(self, body: bytes, spec: ModelSpec) -> int:
        return await self.counter.count_prompt(parse_chat_request(body), spec)


PARTS = web.AppKey("parts", Parts)

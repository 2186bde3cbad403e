"""A month in the life of two organisations, told in the order in which it happens; each line is a call of the API."""

import datetime as dt
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.e2e.farebox import TINY, Farebox
from tests.e2e.month.recount import Price, Recount, Row
from tests.e2e.organisation import Organisation
from tests.waiting import eventually_now

# What is left of an expired pack is booked when no request can hold it: request_seconds_max and two leases later.
CONFIG = (
    """
[meter]
request_seconds_max = 3
lease_seconds = 2
renew_seconds = 0.9
sweep_seconds = 0.2
expiry_seconds = 0.2
recurring_seconds = 0.2
reservation_grace_seconds = 0
rollup_seconds = 0.2

[redis]
timeout_seconds = 0.8

[demo]
enabled = false
"""
    + TINY
    + """
[models.large]
provider = "llama"
upstream_model = "tiny"
encoding = "cl100k_base"
context_tokens = 4096
max_completion_tokens = 4000
rates = {{ prompt = 2, cached = 0.5, completion = 3.5 }}

[models.simulated]
provider = "simulated"
rates = {{ prompt = 1, completion = 0.25 }}
"""
)
WORDS = "The quick brown fox jumps over the lazy dog. " * 5
"""Forty-five words to train on."""

TOKENS, IMAGES, PAGES = "tokens", "images", "ocr_pages"
EVERY = [("acme", TOKENS), ("acme", IMAGES), ("acme", PAGES), ("globex", "credits")]
"""Each organisation in each of its resources."""
WORD_RATE, DEAR_WORD_RATE = (
    Price(Fraction(0), Fraction(0), Fraction(5, 2)),
    Price(Fraction(0), Fraction(0), Fraction(4)),
)
PRICES = {
    ("tiny", None): Price(),
    ("large", None): Price(Fraction(2), Fraction(1, 2), Fraction(7, 2)),
    ("simulated", None): Price(completion=Fraction(1, 4)),
    ("tiny", "ai_bots"): WORD_RATE,  # of a reply in which each token is a word
    ("large", "ai_bots"): DEAR_WORD_RATE,
}
DOLLARS = Price(Fraction(5, 2), Fraction(5, 4), Fraction(10))  # micro-dollars a token
USES = {"ana trains": 90, "ben's images": 7, "pages": 8, "too many images": 25, "late pages": 4}
UNIT_RATES = {"ai_bots": (2.5, "word", None, TOKENS), "training": (2.0, "word", None, TOKENS)}


@dataclass(frozen=True)
class Month:
    """Both organisations at the end of it."""

    farebox: Farebox
    organisations: dict[str, Organisation]
    known: dict[tuple[str, str], Recount] = field(default_factory=dict)

    def recount(self, name: str, resource: str) -> Recount:
        """Return the rows of an organisation in a resource: read once, since the month is over."""
        if (name, resource) not in self.known:
            self.known[name, resource] = self.recount_now(name, resource)
        return self.known[name, resource]

    def recount_now(self, name: str, resource: str) -> Recount:
        """Return them as they are now."""
        one = self.organisations[name]
        owners = {pack["id"]: pack["user_id"] for pack in one.admin.all("/api/v1/packs")}
        return Recount(one.entries(resource), one.events(resource=resource, sort="at"), owners)

    def recounts(self, name: str) -> list[Recount]:
        """Return the rows of an organisation in each of its resources."""
        return [self.recount(name, resource) for resource in self.organisations[name].resources]

    def price_of(self, name: str, event: Row) -> Price | None:
        """Return what a request was charged by; None: it was no model call."""
        if event["endpoint"] != "chat/completions":
            return None
        return DOLLARS if name == "globex" else PRICES[event["model"], event["feature"]]


@contextmanager
def a_month(model_server: str, bias: dict[str, int]) -> Iterator[Month]:
    """Play it all on a Farebox of its own; yield it at its end, Farebox still running."""
    with tempfile.TemporaryDirectory(prefix="farebox-month-") as folder:
        Path(folder).chmod(0o711)  # as root the servers run as another user, who must get there
        farebox = Farebox(Path(folder), CONFIG.format(url=model_server))
        try:
            farebox.start()
            set_rates(farebox)
            organisations = {"acme": play_acme(farebox, bias), "globex": play_globex(farebox, bias)}
            come_late(organisations["acme"])
            await_expiry(organisations["acme"])
            yield Month(farebox, organisations)
        finally:
            farebox.clean_up()


def zone_at_noon() -> str:
    """Return a time zone where it is about noon, and not the 1st or the last of a month by accident of the hour."""
    ahead = 12 - dt.datetime.now(dt.UTC).hour
    return f"Etc/GMT{-ahead:+d}"  # POSIX counts westwards


def set_rates(farebox: Farebox) -> None:
    """Make three features, one of them dearer with one model, and the prices of one model."""
    for key in ("ai_bots", "training", "scans"):
        farebox.admin("POST", "/features", {"key": key, "name": key.title()})
    for key, (rate, base, model, unit) in UNIT_RATES.items():
        body = {"rate": rate, "base": base, "model": model, "unit": unit}
        farebox.admin("POST", f"/features/{key}/rates", body)
    farebox.admin("POST", "/features/ai_bots/rates", {"rate": 4, "base": "word", "model": "large"})
    farebox.admin("POST", "/features/scans/rates", {"rate": 1.5, "base": "unit", "unit": PAGES})
    price = {"input": 2_500_000, "cached_input": 1_250_000, "completion": 10_000_000, "images": 20_000_000}
    farebox.admin("POST", "/prices", {"model": "tiny", **price})


def play_acme(farebox: Farebox, bias: dict[str, int]) -> Organisation:
    """Play the month of an organisation that counts in tokens."""
    acme = Organisation.founded(
        farebox, resources=(TOKENS, IMAGES, PAGES), name="Acme", email="ana@acme.example", plan="pro",
        domain="acme.example", time_zone=zone_at_noon(),
    )  # fmt: skip
    acme.welcome("ana", role="admin")
    acme.welcome("ben")
    acme.welcome("cem", feature=None)
    let_expire(acme, bias)  # first, since it takes so long until that is booked
    acme.grant("surplus", 20_000)
    acme.grant("ben", 150, user_id="ben")
    acme.grant("cem, large", 3000, user_id="cem", models=["large"])
    recurring = {"size": 1000, "period": "month", "user_id": "cem", "note": "cem, each month"}
    acme.packs["cem, each month"] = farebox.admin("POST", f"/accounts/{acme.id}/recurring", recurring)["last_pack_id"]
    talk(acme, bias)
    meter(acme)
    withdraw(acme, bias)
    give_back(acme)
    hit_limits(acme, bias)
    acme.booked()
    late = {"resource": PAGES, "amount": 9, "ttl_seconds": 1, "on_expiry": "settle"}
    acme.requests["late pages"] = reserve(acme, **late)
    return acme


def talk(acme: Organisation, bias: dict[str, int]) -> None:
    """Stream through three models and two features; Ben runs dry in the middle of one, and dips into the surplus."""
    ana, ben, cem = acme.people["ana"], acme.people["ben"], acme.people["cem"]
    made = acme.requests
    made["ben's own"] = ben.chat("tiny", 60, bias=bias)
    acme.booked()  # what is held for one is not there for the next
    made["ben runs dry"] = ben.chat("tiny", 100, bias=bias)
    acme.booked()
    made["ben dips in"] = ben.chat("tiny", 40, bias=bias, **{"X-Session-Id": "s1"})
    made["cem's model"] = cem.chat("large", 50, bias=bias, **{"X-Session-Id": "s1"})
    made["cem's bot"] = cem.chat("tiny", 31, bias=bias, **{"X-Farebox-Feature": "ai_bots"})
    made["cem's dear bot"] = cem.chat("large", 20, bias=bias, **{"X-Farebox-Feature": "ai_bots"})
    made["ana's"] = ana.chat("simulated", 30)
    made["ana trains"] = ana.use(resource=TOKENS, text=WORDS, feature="training")


def meter(acme: Organisation) -> None:
    """Meter images and pages: one reservation is used in part, one given back, one used beyond all that there is."""
    ana, ben = acme.people["ana"], acme.people["ben"]
    acme.grant("images", 20, resource=IMAGES)
    acme.grant("ben's images", 5, resource=IMAGES, user_id="ben")
    acme.grant("pages", 40, resource=PAGES)
    acme.requests["ben's images"] = ben.use(resource=IMAGES, amount=7)
    acme.requests["pages"] = reserve(acme, resource=PAGES, amount=10, feature="scans")
    ana.call("POST", f"/api/v1/reservations/{acme.requests['pages']}/settle", {"amount": 5})
    given_up = reserve(acme, resource=PAGES, amount=20)
    ana.call("POST", f"/api/v1/reservations/{given_up}/release")
    acme.requests["too many images"] = reserve(acme, resource=IMAGES, amount=10)
    ana.call("POST", f"/api/v1/reservations/{acme.requests['too many images']}/settle", {"amount": 25})
    acme.booked()
    assert ana.get("/api/v1/balance", resource=IMAGES)["debt"] == 7
    acme.grant("more images", 30, resource=IMAGES)


def reserve(acme: Organisation, **use: Any) -> str:
    """Open a reservation of Ana's; return its id."""
    return str(acme.people["ana"].call("POST", "/api/v1/reservations", use)["id"])


def let_expire(acme: Organisation, bias: dict[str, int]) -> None:
    """Use a part of a pack, then let its time come."""
    acme.grant("short", 500, priority=1)
    acme.requests["on short"] = acme.admin.chat("tiny", 21, bias=bias)
    acme.booked()
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=0.2)
    acme.farebox.admin("PATCH", f"/packs/{acme.packs['short']}", {"expires_at": soon.isoformat()})
    eventually_now(lambda: acme.pack("short")["status"] == "expired")


def withdraw(acme: Organisation, bias: dict[str, int]) -> None:
    """Use a part of a pack, then revoke it."""
    acme.grant("withdrawn", 800, priority=1)
    acme.requests["on withdrawn"] = acme.admin.chat("tiny", 33, bias=bias)
    acme.booked()
    acme.farebox.admin("POST", f"/packs/{acme.packs['withdrawn']}/revoke")


def give_back(acme: Organisation) -> None:
    """Refund a part of what two pools paid, and all of what one paid."""
    acme.refund("ben runs dry", 60, amount=60, reason="a slow day")
    acme.refund("ben dips in", 48, reason="a bad answer")


def come_late(acme: Organisation) -> None:
    """Settle what was charged at its deadline: four pages of the nine that were held. That is a correction."""
    path = f"/api/v1/reservations/{acme.requests['late pages']}"
    eventually_now(lambda: acme.admin.get(path)["by_deadline"])
    assert acme.admin.call("POST", f"{path}/settle", {"amount": 4})["charge"] == 4


def await_expiry(acme: Organisation) -> None:
    """Wait until the rest of the pack that expired is booked, and refund what it had paid: that is lost with it."""
    eventually_now(lambda: acme.admin.get("/api/v1/ledger", kind="expire")["data"], seconds=60)
    acme.refund("on short", 29, reason="too late")
    acme.booked()


def hit_limits(acme: Organisation, bias: dict[str, int]) -> None:
    """Limit a member, a model and all; the member has eighty tokens left, and uses twenty-nine of them."""
    path, cem = f"/accounts/{acme.id}/limits", acme.people["cem"]
    whose = {"account": {}, "model": {"subject": "tiny"}, "member": {"subject": "ben"}}
    for scope, subject in whose.items():
        acme.farebox.admin("PUT", path, {"scope": scope, **subject, "limits": {"spend_per_month": 1_000_000}})
    spent = sum(event["charge"] for event in acme.events(user_id="cem", resource=TOKENS))
    limits = {"spend_per_day": spent + 80}
    acme.farebox.admin("PUT", path, {"scope": "member", "subject": "cem", "limits": limits})
    acme.requests["cem's last"] = cem.chat("tiny", 21, bias=bias)


def play_globex(farebox: Farebox, bias: dict[str, int]) -> Organisation:
    """Play the month of an organisation that counts in credits: two dollars, for talk and for images."""
    globex = Organisation.founded(
        farebox, name="Globex", unit="credits", time_zone=zone_at_noon(), resources=("credits",)
    )
    globex.welcome("eve", role="admin")
    globex.welcome("fay")
    globex.grant("two dollars", 2_000_000)
    globex.grant("fay", 1000, user_id="fay")
    eve, fay = globex.people["eve"], globex.people["fay"]
    globex.requests["eve's"] = eve.chat("tiny", 120, bias=bias)
    globex.requests["fay's"] = fay.chat("tiny", 150, bias=bias)
    globex.requests["images"] = eve.use(resource="credits", amount=3, model="tiny")
    globex.refund("eve's", 500, amount=500, reason="goodwill")
    globex.booked()
    return globex

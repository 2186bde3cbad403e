"""Who looks at the dashboard, and the account that they look at."""

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.farebox import Farebox
from tests.e2e.organisation import Organisation
from tests.waiting import eventually_now

CHATS = 60
SHARED, OWN_OF_ADA, OWN_OF_GRACE = 500_000, 900, 40_000


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody with a key."""

    url: str
    key: str

    def cookie(self) -> Any:
        """Sign in, and return the cookie of the new session as playwright takes it."""
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.url}/api/v1/session",
            method="POST",
            data=json.dumps({"key": self.key}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 - our own address
            name, _, value = response.headers["Set-Cookie"].partition(";")[0].partition("=")
        return {"name": name, "value": value, "url": self.url, "httpOnly": True, "sameSite": "Strict"}


class Firm:
    """An account that is lived in: three people, packs in every state, some resources, and what was used of them."""

    def __init__(self, farebox: Farebox) -> None:
        self.farebox = farebox
        self.org = Organisation.founded(
            farebox,
            resources=("tokens", "images", "ocr_pages", "storage_bytes"),
            name="Umbrella & Sons",
            email="office@umbrella.example",
            plan="Enterprise",
            domain="umbrella.example",
        )
        self.id = self.org.id
        for user, role in (("ada", "admin"), ("grace", "member"), ("linus", "member")):
            self.org.welcome(user, role=role)
        self._price()
        self._grant()
        self._live()

    def guest(self, user: str) -> Guest:
        """Return somebody who can sign in."""
        return Guest(self.farebox.url, self.org.people[user].key)

    @property
    def request(self) -> str:
        """The id of a request that drew on two packs."""
        return self.org.requests["taste"]

    def chat(self, user: str, limit: int, feature: str | None = None) -> str:
        """Ask the model for so many tokens; return the id of the request."""
        body = {"model": "simulated", "messages": [{"role": "user", "content": "hello"}], "max_tokens": limit}
        headers = {"X-Session-Id": f"talk of {user}", "X-Farebox-Reason": "answering mail"}
        headers |= {} if feature is None else {"X-Farebox-Feature": feature}
        return ask(self.farebox.url, self.org.people[user].key, body, headers)

    def _price(self) -> None:
        """Set what costs what: features with rates and without, prices in tiers."""
        admin = self.farebox.admin
        admin("POST", "/features", {"key": "mail", "name": "Answering mail", "note": "charged by its model"})
        admin("POST", "/features", {"key": "ai_bots", "name": "AI bots", "note": "of the shop"})
        admin("POST", "/features/ai_bots/rates", {"rate": "3", "base": "word"})
        admin("POST", "/features/ai_bots/rates", {"rate": "2.5", "base": "word"})
        admin("POST", "/features/ai_bots/rates", {"rate": "0.5", "base": "unit", "unit": "credits"})
        usual = {"input": 2_500_000, "cached_input": 1_250_000, "completion": 10_000_000, "images": 15_000_000}
        admin("POST", "/prices", {"model": "simulated", **usual, "input": 3_000_000})
        admin("POST", "/prices", {"model": "simulated", **usual, "reasoning": 12_000_000})
        admin(
            "POST", "/prices", {"model": "simulated", "service_tier": "priority", "input": 1, "completion": 8_000_000}
        )

    def _grant(self) -> None:
        grant = self.org.grant
        soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
        later = (datetime.now(UTC) + timedelta(days=90)).isoformat().replace("+00:00", "Z")
        grant("Autumn", SHARED, expires_at=later)
        grant("first taste", 40, priority=1)
        grant("for Ada", OWN_OF_ADA, user_id="ada")
        grant("for Grace", OWN_OF_GRACE, user_id="grace", models=["simulated"])
        grant("a short while", 7_000, expires_at=soon, priority=90)
        grant("by mistake", 9_000)
        grant("pictures", 5_000, resource="images")
        grant("scans", 300, resource="ocr_pages")
        grant("disk", 5_000_000_000, resource="storage_bytes")
        self.farebox.admin("POST", f"/packs/{self.org.packs['by mistake']}/revoke", {})

    def _live(self) -> None:
        users = ("ada", "grace", "linus")
        self.org.requests["taste"] = self.chat("linus", 60)
        self.org.requests["first of ada"] = self.chat("ada", 30)
        with ThreadPoolExecutor(4) as pool:
            ids = pool.map(lambda n: self.chat(users[n % 3], 20 + n, None if n % 4 else "mail"), range(CHATS))
        self.org.requests |= {f"chat {n}": request for n, request in enumerate(ids)}
        people = self.org.people
        for n in range(3):
            self.org.requests[f"images {n}"] = people["grace"].use(resource="images", amount=10 + n)
        self.org.requests["scan"] = people["linus"].use(resource="ocr_pages", amount=7)
        self.org.requests["disk"] = people["linus"].use(resource="storage_bytes", amount=1_500_000)
        self.org.booked()
        eventually_now(lambda: self.org.pack("a short while")["status"] == "expired")
        self.farebox.admin("POST", f"/events/{self.org.requests['chat 9']}/refund", {"amount": 5, "reason": "sorry"})


def ask(url: str, key: str, body: dict[str, Any], headers: dict[str, str]) -> str:
    """Ask a model; return the id of the request."""
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{url}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json", **headers},
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - our own address
        response.read()
        return str(response.headers["x-request-id"])

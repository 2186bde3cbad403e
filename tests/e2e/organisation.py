"""An organisation as its people and the platform's admin see it: the public API and the official client."""

import csv
import io
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import Any

import openai

from tests.e2e.farebox import Farebox
from tests.waiting import eventually_now

PAGE = 7  # small, so that every list has several pages
HELLO = "hello"  # a prompt of eight tokens, by the published formula


class RefusedError(Exception):
    """What was asked is refused."""

    def __init__(self, status: int, error: dict[str, Any]) -> None:
        super().__init__(f"{status} {error}")
        self.status = status
        self.error = error


@dataclass(frozen=True)
class Person:
    """Somebody with a key."""

    url: str
    key: str

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call the API; return the JSON of the answer. Raises RefusedError."""
        return json.loads(self._answer(method, path, body))

    def _answer(self, method: str, path: str, body: object = None) -> bytes:
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - our own address
                answer: bytes = response.read()
                return answer
        except urllib.error.HTTPError as refusal:
            raise RefusedError(refusal.code, json.load(refusal)["error"]) from refusal

    def get(self, path: str, **query: Any) -> Any:
        """Read; a list in the query is a parameter that is repeated."""
        return self.call("GET", f"{path}?{urllib.parse.urlencode(query, doseq=True)}" if query else path)

    def file(self, path: str, **query: Any) -> list[dict[str, str]]:
        """Read a file of CSV: its lines, by the names of its columns."""
        text = self._answer("GET", f"{path}?{urllib.parse.urlencode(query, doseq=True)}").decode()
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def all(self, path: str, **filters: Any) -> list[dict[str, Any]]:
        """Read a list to its end, page by page."""
        rows: list[dict[str, Any]] = []
        query = {"limit": PAGE, **filters}
        while True:
            page = self.get(path, **query)
            assert len(page["data"]) <= query["limit"]
            rows += page["data"]
            if page["next_cursor"] is None:
                return rows
            query["cursor"] = page["next_cursor"]

    def chat(self, model: str, limit: int, *, bias: dict[str, int] | None = None, **headers: str) -> str:
        """Stream a reply of so many words to the end; return the id of the request."""
        options: dict[str, Any] = {"logit_bias": bias} if bias else {}
        with openai.OpenAI(base_url=f"{self.url}/v1", api_key=self.key, max_retries=0, timeout=60) as client:
            raw = client.chat.completions.with_raw_response.create(
                model=model,
                messages=[{"role": "user", "content": HELLO}],
                max_tokens=limit,
                stream=True,
                extra_headers=headers,
                **options,
            )
            assert list(raw.parse())
            return str(raw.headers["x-request-id"])

    def use(self, **use: Any) -> str:
        """Charge what is no model call; return the id of its event."""
        return str(self.call("POST", "/api/v1/usage", use)["request_id"])


@dataclass
class Organisation:
    """An account with its people, its packs by name, and the requests that were made, by what they are about."""

    farebox: Farebox
    id: str
    unit: str
    resources: tuple[str, ...]
    people: dict[str, Person] = field(default_factory=dict)
    packs: dict[str, str] = field(default_factory=dict)
    requests: dict[str, str] = field(default_factory=dict)

    @classmethod
    def founded(cls, farebox: Farebox, *, resources: tuple[str, ...], **account: Any) -> "Organisation":
        """Return a new one without people."""
        made = farebox.admin("POST", "/accounts", account)
        return cls(farebox, made["id"], made["unit"], resources)

    @property
    def admin(self) -> Person:
        """Whoever came first."""
        return next(iter(self.people.values()))

    def welcome(self, user_id: str, *, role: str = "member", **key: Any) -> None:
        """Make a member with a key."""
        self.farebox.admin("POST", f"/accounts/{self.id}/members", {"user_id": user_id, "name": user_id, "role": role})
        made = self.farebox.admin(
            "POST", f"/accounts/{self.id}/keys", {"name": f"key of {user_id}", "user_id": user_id, **key}
        )
        self.people[user_id] = Person(self.farebox.url, made["key"])

    def grant(self, name: str, size: int, **pack: Any) -> None:
        """Grant a pack."""
        body = {"size": size, "note": name, **pack}
        self.packs[name] = self.farebox.admin("POST", f"/accounts/{self.id}/packs", body)["id"]

    def pack(self, name: str) -> dict[str, Any]:
        """Return a pack as it is now."""
        found: dict[str, Any] = self.farebox.admin("GET", f"/packs/{self.packs[name]}")
        return found

    def refund(self, request: str, back: int, **order: Any) -> None:
        """Give back what a request was charged, or a part of it: so much."""
        self.booked()
        told = self.farebox.admin("POST", f"/events/{self.requests[request]}/refund", order)
        assert told["refunded"] == back, (told, self.farebox.admin("GET", f"/events?request_id={told['request_id']}"))

    def booked(self) -> None:
        """Wait until every request is in the ledger, and nothing is held."""
        eventually_now(lambda: {event["request_id"] for event in self.events()} >= set(self.requests.values()))
        for resource in self.resources:
            eventually_now(lambda: not self.admin.get("/api/v1/balance", resource=resource)["reserved"])  # noqa: B023

    def events(self, **filters: Any) -> list[dict[str, Any]]:
        """Return all usage events."""
        return self.admin.all("/api/v1/events", **filters)

    def entries(self, resource: str) -> list[dict[str, Any]]:
        """Return all entries of the ledger in a resource, oldest first."""
        return self.admin.all("/api/v1/ledger", resource=resource, sort="at")

"""What is known of a request: before it is forwarded (Facts), and when its charge is known (Result).

Journal, hold and ledger all carry these, so that whoever recovers a request needs nothing else. Together they are
one row, a Settlement; their JSON names are the columns of the SQL type ``settlement``, which ignores the others.
"""

from enum import StrEnum

import msgspec
from msgspec import structs

from config.cards import Base, Price
from config.catalog import ModelSpec, Rates
from providers.wire.answers import Parts

PRICED = "price:"  # how rate versions of the price table begin
CREDITS = "credits"  # the unit of accounts that are charged by the price table: micro-dollars


class Source(StrEnum):
    """Where a count comes from."""

    UPSTREAM = "upstream"
    TOKENIZER = "tokenizer"
    RECOVERED = "recovered"
    POLICY = "policy"


class Status(StrEnum):
    """How a request ended."""

    COMPLETED = "completed"
    CLIENT_GONE = "client_gone"
    UPSTREAM_GONE = "upstream_gone"
    CUT_OFF = "cut_off"
    RECOVERED = "recovered"  # an estimate, by what its hold said
    ADOPTED = "adopted"  # an estimate, by what its gateway's journal said, which knows better
    RELEASED = "released"  # nothing was used; said in the ledger only where it may have been charged as an orphan


class Orphan(StrEnum):
    """What a request pays whose gateway died before its usage was known."""

    BOUNDED = "bounded"
    UPPER_BOUND = "upper_bound"
    CHECKPOINT = "checkpoint"


class Facts(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A request before it is forwarded. ``rates`` are micro-units: prompt, cached, completion.

    They are what the hold was taken at: where more than one price may apply, the dearest. The last four are left out
    where there is no Idempotency-Key, the request is no reservation (``ttl_ms``: for how long one may stay open), and
    the base is tokens.
    """

    request_id: str
    account_id: str
    user_id: str | None
    key_id: str | None
    endpoint: str
    model: str
    provider: str
    resource: str
    stream: bool
    counted_prompt_tokens: int
    rates: tuple[int, int, int]
    rate_version: str
    session_id: str | None
    reason: str
    feature: str | None
    orphan: str
    started_at_ms: int
    idempotency_key: str | None = None
    body_digest: str | None = None
    ttl_ms: int = 0
    base: Base = "token"

    @property
    def rate_card(self) -> Rates:
        """The rates as they were when the request was reserved; a reload changes nothing."""
        return Rates(prompt=self.rates[0], cached=self.rates[1], completion=self.rates[2], base=self.base)


class Reservation(msgspec.Struct, frozen=True, gc=False):
    """What a hold is: amount and reserved_at (milliseconds, Redis's clock), and its split over packs."""

    amount: int
    reserved_at: int
    split: list[str | int]


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The usage that a request is charged for, where it comes from, and what was counted here.

    ``units`` is what a reply is charged by that is not charged by tokens; ``service_tier`` how the upstream says that
    it has served it.
    """

    prompt_tokens: int
    completion_tokens: int
    source: Source
    status: Status
    counted_completion_tokens: int | None
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    parts: Parts | None = None
    units: int | None = None
    service_tier: str | None = None


class Details(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What a charge is made of beside prompt, cached, completion and reasoning tokens; only what there is."""

    base: str = "token"
    units: int | None = None
    service_tier: str | None = None
    cache_write_tokens: int = 0
    image_tokens: int = 0
    audio_tokens: int = 0
    image_completion_tokens: int = 0
    audio_completion_tokens: int = 0


class Result(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What became of a request: with its facts, one row of the ledger.

    The last three are given when the charge has other rates than the facts: another model answered, or the price is
    known exactly now. ``cost`` is what the price table asks for it, in micro-dollars.
    """

    reserved_at: int
    reserved: int
    split: list[str | int]
    charge: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    counted_completion_tokens: int | None
    source: str
    status: str
    duration_ms: int
    attempts: list[dict[str, str]] = []
    cost: int | None = None
    details: Details | None = None
    provider: str = ""
    rates: tuple[int, ...] = (0, 0, 0)
    rate_version: str = ""


class Settlement(msgspec.Struct, frozen=True, gc=False):
    """One finished request on its way to the ledger: ``row`` is all of it, as JSON."""

    request_id: str
    account_id: str
    charge: int
    source: str
    row: bytes = b""


_encode = msgspec.json.Encoder().encode
_decode_facts = msgspec.json.Decoder(Facts).decode
_decode_settlement = msgspec.json.Decoder(Settlement).decode


def encode_facts(facts: Facts) -> bytes:
    """Return the JSON of facts."""
    return _encode(facts)


def decode_facts(data: bytes) -> Facts:
    """Return facts from their JSON. Raises msgspec.DecodeError."""
    return _decode_facts(data)


def decode_settlement(row: bytes) -> Settlement:
    """Return a settlement from its row. Raises msgspec.DecodeError."""
    return structs.replace(_decode_settlement(row), row=row)


def result_of(
    reservation: Reservation,
    outcome: Outcome,
    *,
    charge: int,
    duration_ms: int,
    attempts: list[dict[str, str]] | None = None,
) -> Result:
    """Return what became of a request."""
    return Result(
        reserved_at=reservation.reserved_at,
        reserved=reservation.amount,
        split=reservation.split,
        charge=charge,
        prompt_tokens=outcome.prompt_tokens,
        cached_tokens=outcome.cached_tokens,
        completion_tokens=outcome.completion_tokens,
        reasoning_tokens=outcome.reasoning_tokens,
        counted_completion_tokens=outcome.counted_completion_tokens,
        source=outcome.source,
        status=outcome.status,
        duration_ms=duration_ms,
        attempts=attempts or [],
    )


def answered_by(result: Result, spec: ModelSpec) -> Result:
    """Return a result that says which model answered, at which rates."""
    return structs.replace(result, provider=spec.provider, rates=spec.rates.as_tuple(), rate_version=spec.rate_version)


def priced_at(result: Result, price: Price) -> Result:
    """Return a result that says at which price it was charged."""
    return structs.replace(result, rates=price.rates.as_tuple(), rate_version=price.version)


def nothing_used(facts: Facts, *, now_ms: int) -> bytes:
    """Return the row of a request that used nothing: it takes back what may have been charged for it as an orphan."""
    outcome = Outcome(
        prompt_tokens=0,
        completion_tokens=0,
        source=Source.TOKENIZER,
        status=Status.RELEASED,
        counted_completion_tokens=0,
    )
    reservation = Reservation(0, facts.started_at_ms, [])
    duration_ms = max(0, now_ms - facts.started_at_ms)
    return row_of(encode_facts(facts), result_of(reservation, outcome, charge=0, duration_ms=duration_ms))


def row_of(facts_json: bytes, result: Result) -> bytes:
    """Return the row that the ledger books: the facts, then the result, whose names win where both have them."""
    return facts_json[:-1] + b"," + _encode(result)[1:]


_USUAL = (
    b'%b,"reserved_at":%d,"reserved":%d,"split":%b,"charge":%d,"prompt_tokens":%d,"cached_tokens":%d,'
    b'"completion_tokens":%d,"reasoning_tokens":%d,"counted_completion_tokens":%b,"source":"%b","status":"%b",'
    b'"duration_ms":%d}'
)


def usual_row(facts_json: bytes, reservation: Reservation, outcome: Outcome, *, charge: int, duration_ms: int) -> bytes:
    """Return what ``row_of`` does for a request that the first model answered, at half the price of making a Result."""
    counted = outcome.counted_completion_tokens
    return _USUAL % (
        facts_json[:-1],
        reservation.reserved_at,
        reservation.amount,
        _encode(reservation.split),
        charge,
        outcome.prompt_tokens,
        outcome.cached_tokens,
        outcome.completion_tokens,
        outcome.reasoning_tokens,
        b"null" if counted is None else b"%d" % counted,
        outcome.source.encode(),
        outcome.status.encode(),
        duration_ms,
    )

"""An order as JSON facts (metering/core/settlement.py): what the journal, the hold and the ledger say of a request.

Requests of one key for one model differ in their ids, sizes and times alone. The rest of their facts is encoded once,
and found again by its values: half of what the whole would cost each of them.
"""

import msgspec

from metering.core.settlement import Facts
from metering.order import Order

SHARED_MAX = 4096
"""So many are remembered, of some 400 bytes; then all are forgotten."""
VARYING = frozenset(
    {
        "request_id",
        "stream",
        "counted_prompt_tokens",
        "started_at_ms",
        "idempotency_key",
        "body_digest",
    }
)
_BOOLEANS = b"false", b"true"
_encode = msgspec.json.Encoder().encode
_shared: dict[tuple[object, ...], bytes] = {}


def facts_json_of(order: Order, *, started_at_ms: int) -> bytes:
    """Return what is known of a request before it is forwarded."""
    asked, dearest = order.candidates[0], order.dearest
    rates = dearest.rates
    what = (
        *(order.account_id, order.user_id, order.key_id, order.endpoint, order.model, order.resource),
        *(order.session_id, order.reason, order.feature, order.orphan),
        *(asked.provider, dearest.rate_version, rates.prompt, rates.cached, rates.completion, rates.base),
    )
    shared = _shared.get(what)
    if shared is None:
        shared = _remember(what, order)
    facts = b'%b,"request_id":"%b","stream":%b,"counted_prompt_tokens":%d,"started_at_ms":%d' % (
        shared,
        order.request_id.encode(),
        _BOOLEANS[order.stream],
        order.prompt_tokens,
        started_at_ms,
    )
    if order.claim is not None:
        claim = {"idempotency_key": order.claim.key, "body_digest": order.claim.digest}
        return facts + b"," + _encode(claim)[1:]
    return facts + b"}"


def _remember(what: tuple[object, ...], order: Order) -> bytes:
    rates = order.dearest.rates
    facts = Facts(
        request_id="",
        account_id=order.account_id,
        user_id=order.user_id,
        key_id=order.key_id,
        endpoint=order.endpoint,
        model=order.model,
        provider=order.spec.provider,
        resource=order.resource,
        stream=False,
        counted_prompt_tokens=0,
        rates=(rates.prompt, rates.cached, rates.completion),
        rate_version=order.dearest.rate_version,
        session_id=order.session_id,
        reason=order.reason,
        feature=order.feature,
        orphan=order.orphan,
        started_at_ms=0,
        base=rates.base,
    )
    fields = {name: value for name, value in msgspec.to_builtins(facts).items() if name not in VARYING}
    if len(_shared) >= SHARED_MAX:
        _shared.clear()
    shared = _shared[what] = _encode(fields)[:-1]
    return shared

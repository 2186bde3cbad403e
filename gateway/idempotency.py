"""Idempotency-Key: what a client may write, and the digest that tells a repeated request from another one."""

import asyncio
import hashlib
import re
from collections.abc import Mapping

from multidict import CIMultiDictProxy

from gateway.auth import Principal
from gateway.errors import invalid
from metering.ask import Claim

HEADER = "Idempotency-Key"
LOOKUP = HEADER.lower()  # as a doorway's headers have it
REPLAYED = {"idempotency-replayed": "true"}
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
INLINE_BYTES_MAX = 262_144  # SHA-256 of so much takes less than a millisecond of the loop


def key_of(headers: Mapping[str, str]) -> str | None:
    """Return the Idempotency-Key, or None. Raises ApiError (400): more than one, or not 1 to 255 visible ASCII."""
    # A plain mapping is the doorway's, which takes no request that has the header twice.
    keys = headers.getall(HEADER, []) if isinstance(headers, CIMultiDictProxy) else [headers[LOOKUP]]
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise invalid(f"{HEADER} is not right; write one of 1 to 255 visible ASCII characters, such as a UUID.", HEADER)
    return keys[0]


async def digest_of(operation: str, body: bytes) -> str:
    """Return the SHA-256 of what is asked for and of the body's raw bytes: the same JSON written otherwise differs."""
    if len(body) <= INLINE_BYTES_MAX:
        return _digest(operation, body)
    return await asyncio.to_thread(_digest, operation, body)


def _digest(operation: str, body: bytes) -> str:
    found = hashlib.sha256(operation.encode() + b"\0")
    found.update(body)
    return found.hexdigest()


async def claim_of(headers: Mapping[str, str], principal: Principal, endpoint: str, body: bytes) -> Claim | None:
    """Return a model request's claim on its key. Raises ApiError (400)."""
    key = key_of(headers)
    if key is None:
        return None
    return Claim(key=key, digest=await digest_of(endpoint, body), key_id=principal.key_id, replay=principal.replay)

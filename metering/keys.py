"""Every Redis key name.

An account lives in one of 1,024 buckets, and a bucket's keys share one hash tag: any account is in one slot of
a cluster, and all accounts of a bucket share one deadline index.
"""

from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from metering.packing import packed

BUCKETS = 1024


class AccountKeys(NamedTuple):
    """The keys of one account: epoch sentinel, account hash, holds hash, deadlines, limits hash."""

    bucket: int
    epoch: bytes
    account: bytes
    holds: bytes
    deadlines: bytes
    limits: bytes


def bucket_of(account_id: str) -> int:
    """Return the bucket of an account, 0 to 1023."""
    return crc32(account_id.encode()) % BUCKETS


def bucket_of_key(key: bytes) -> int:
    """Return the bucket whose tag a key carries."""
    return int(key[2 : key.index(b"}")])


def epoch_key(bucket: int) -> bytes:
    """Return the key of a bucket's epoch sentinel."""
    return b"{b%d}e" % bucket


def deadlines_key(bucket: int) -> bytes:
    """Return the key of a bucket's deadlines: members "<account>:<request id>", scores in milliseconds."""
    return b"{b%d}d" % bucket


@lru_cache(maxsize=65536)
def keys_of(account_id: str) -> AccountKeys:
    """Return the keys of an account."""
    bucket = bucket_of(account_id)
    name = account_id.encode()
    return AccountKeys(
        bucket,
        epoch_key(bucket),
        b"{b%d}a:%s" % (bucket, name),
        b"{b%d}h:%s" % (bucket, name),
        deadlines_key(bucket),
        b"{b%d}l:%s" % (bucket, name),
    )


@lru_cache(maxsize=65536)
def packed_keys_of(account_id: str) -> bytes:
    """Return the five keys of an account as a command has them."""
    return packed(*keys_of(account_id)[1:])


def claim_key(account_id: str, key: str) -> bytes:
    """Return the key under which an account's Idempotency-Key is remembered."""
    return b"{b%d}k:%s:%s" % (bucket_of(account_id), account_id.encode(), key.encode())

"""Where an account lives in Redis."""

from metering.ids import new_id
from metering.keys import BUCKETS, bucket_of, claim_key, deadlines_key, epoch_key, keys_of


def test_all_keys_of_an_account_carry_one_hash_tag() -> None:
    for _ in range(100):
        account = new_id()
        keys = keys_of(account)
        tags = {name[: name.index(b"}") + 1] for name in keys[1:]}
        assert tags == {b"{b%d}" % keys.bucket}
        assert 0 <= keys.bucket < BUCKETS


def test_keys_never_move() -> None:
    """A changed name would lose every hold that is open while a new version is rolled out."""
    account = "01890000-0000-7000-8000-000000000002"
    keys = keys_of(account)
    bucket = bucket_of(account)
    assert bucket == 872
    assert keys == (
        bucket,
        b"{b872}e",
        b"{b872}a:01890000-0000-7000-8000-000000000002",
        b"{b872}h:01890000-0000-7000-8000-000000000002",
        b"{b872}d",
        b"{b872}l:01890000-0000-7000-8000-000000000002",
    )
    assert (keys.epoch, keys.deadlines) == (epoch_key(bucket), deadlines_key(bucket))


def test_accounts_spread_over_the_buckets() -> None:
    counts = [0] * BUCKETS
    for _ in range(20 * BUCKETS):
        counts[bucket_of(new_id())] += 1
    assert min(counts) > 0
    assert max(counts) < 60


def test_keys_of_two_accounts_of_a_bucket_differ_where_they_must() -> None:
    seen: dict[int, str] = {}
    account = new_id()
    while bucket_of(account) not in seen:
        seen[bucket_of(account)] = account
        account = new_id()
    one, other = keys_of(account), keys_of(seen[bucket_of(account)])
    assert (one.epoch, one.deadlines) == (other.epoch, other.deadlines)
    assert one.account != other.account
    assert one.holds != other.holds


def test_an_idempotency_key_is_in_the_slot_of_its_account_whatever_its_text() -> None:
    account = new_id()
    for text in ("order-7", "{b1}", "}{", ":"):
        key = claim_key(account, text)
        assert key.startswith(keys_of(account).epoch[:-1] + b"k:")
        assert key.endswith(b":" + text.encode())
    assert claim_key(account, "x") != claim_key(new_id(), "x")

"""SHELL: members: who is who inside an account. Nobody is deleted: their events and entries name them."""

from typing import NamedTuple, TypedDict, Unpack

from metering.books.errors import ChangeRefusedError
from metering.books.records import Member
from metering.ids import new_id
from metering.ledger import Ledger
from metering.queries import query

COLUMNS = ("name", "email", "role", "status")
DEACTIVATED = "deactivated"


class MemberChanges(TypedDict, total=False):
    """What may be changed in a member; ``user_id`` never is."""

    name: str
    email: str | None
    role: str
    status: str


class ChangedMember(NamedTuple):
    """A member, and the digests that caches know their keys by."""

    member: Member
    digests: list[bytes]


class Members:
    """Create, list, read, change."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def create(
        self, account_id: str, user_id: str, *, name: str = "", email: str | None = None, role: str = "member"
    ) -> ChangedMember | None:
        """Return a new member; keys that name them act with their role from now on. None: no such account.

        Raises ChangeRefusedError: there is one with this ``user_id``.
        """
        async with self._ledger.connection() as connection, connection.transaction():
            if not await connection.fetchval(query("account_exists"), account_id):
                return None
            made = await connection.fetchval(query("member_add"), new_id(), account_id, user_id, name, email, role)
            if made is None:
                raise ChangeRefusedError("There is a member with this user_id; change that one.", "user_id")
        return await self._read(account_id, user_id)

    async def get(self, account_id: str, user_id: str) -> Member | None:
        """Return a member, or None."""
        rows = await self._ledger.rows("member_get", account_id, user_id)
        return Member(*rows[0]) if rows else None

    async def page(
        self, account_id: str, *, limit: int, before: str | None, only: str | None = None, narrowed: bool = False
    ) -> list[Member]:
        """Return at most ``limit`` members, newest first, older than the id ``before``; if narrowed, ``only`` one."""
        rows = await self._ledger.rows("members_page", account_id, before, limit, narrowed, only)
        return [Member(*row) for row in rows]

    async def change(self, account_id: str, user_id: str, **changes: Unpack[MemberChanges]) -> ChangedMember | None:
        """Change a member, or deactivate them (``status``): then their keys are good for nothing. None: no such one."""
        values = [changes.get(column) for column in COLUMNS]
        rows = await self._ledger.rows("member_change", account_id, user_id, list(changes), *values)
        return await self._read(account_id, user_id) if rows else None

    async def _read(self, account_id: str, user_id: str) -> ChangedMember:
        member = await self.get(account_id, user_id)
        assert member
        digests = await self._ledger.rows("member_digests", account_id, user_id)
        return ChangedMember(member, [bytes(row[0]) for row in digests])

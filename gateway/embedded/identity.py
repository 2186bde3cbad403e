"""As whom the servers run: Postgres refuses to be root, so root hands them to ``nobody``."""

import os
import pwd
import stat
from pathlib import Path
from typing import NamedTuple

from gateway.embedded.errors import EmbeddedError

UNPRIVILEGED = "nobody"


class Identity(NamedTuple):
    """A user of the system; ``changes`` is False when it is ourselves."""

    uid: int
    gid: int
    changes: bool

    @property
    def name(self) -> str:
        """The user's name, or its number when it has none."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)


def run_identity() -> Identity:
    """Return the user that runs the servers.

    Raises:
        EmbeddedError: we are root and there is no unprivileged user.
    """
    if os.geteuid() != 0:
        return Identity(os.geteuid(), os.getegid(), changes=False)
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise EmbeddedError(
            f"Postgres refuses to run as root, and there is no user {UNPRIVILEGED!r} to run it as; "
            "start Farebox as another user, or set FAREBOX_DATABASE_URL and FAREBOX_REDIS_URL"
        ) from None
    return Identity(entry.pw_uid, entry.pw_gid, changes=True)


def may_reach(identity: Identity, path: Path) -> bool:
    """Tell whether the user may enter every directory above ``path``, and read and execute it.

    Mode bits only: an access control list that allows more only costs a copy.
    """
    if not identity.changes:
        return True
    resolved = path.resolve()
    return all(_has_bits(identity, parent, stat.S_IXOTH) for parent in resolved.parents) and _has_bits(
        identity, resolved, stat.S_IXOTH | stat.S_IROTH
    )


def own(identity: Identity, path: Path) -> None:
    """Give a tree to the run user; a tree that it has already is not walked."""
    if not identity.changes or path.stat().st_uid == identity.uid:
        return
    for folder, folders, files in os.walk(path, topdown=False):
        for name in (*folders, *files):
            os.chown(Path(folder, name), identity.uid, identity.gid, follow_symlinks=False)
    # The top comes last, so that an interrupted walk is repeated.
    os.chown(path, identity.uid, identity.gid)


def _has_bits(identity: Identity, path: Path, others: int) -> bool:
    status = path.stat()
    if status.st_uid == identity.uid:
        others <<= 6
    elif status.st_gid == identity.gid:
        others <<= 3
    return status.st_mode & others == others

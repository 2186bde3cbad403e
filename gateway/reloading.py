"""SIGHUP: the configuration is read again, and what may change while a gateway runs is in force.

A configuration that is not right changes nothing, and is one line in the log. Whoever has begun with something keeps
it: a request its models and rates, a hold its rate version (``gateway/deps.py``, ``config/reload.py``).
"""

import asyncio
import os
from collections.abc import Awaitable, Callable

import structlog

from config.errors import ConfigError, ConfigurationError
from config.reload import Reload, reloaded
from config.settings import Settings

log = structlog.get_logger()
AS_IT_WAS = "the configuration as it was"
Reread = Callable[[], Settings]


class Reloader:
    """The settings in force in this process, and how to read them again."""

    def __init__(self, running: Settings, *, started: Settings, reread: Reread) -> None:
        self.running = running
        self._started = started  # as read: without the URLs and the key that were found since
        self._reread = reread

    async def reload(self, apply: Callable[[Settings], Awaitable[None]]) -> None:
        """Read the configuration again, and ``apply`` it. Nothing is raised: somebody is being served."""
        found = await asyncio.to_thread(self.read)
        if found is None:
            return
        try:
            await apply(found.settings)
        except Exception:
            log.exception("reload_failed", pid=os.getpid(), in_force=AS_IT_WAS)
        else:
            self.accept(found)

    def read(self) -> Reload | None:
        """Return what the configuration says now; None when it is not right, which is one line in the log."""
        try:
            return reloaded(self.running, self._started, self._reread())
        except (ConfigurationError, OSError) as error:
            problems = error.problems if isinstance(error, ConfigError) else [error]
            told = [str(problem) for problem in problems]
            log.error("configuration_refused", pid=os.getpid(), problems=told, in_force=AS_IT_WAS)  # noqa: TRY400
            return None

    def accept(self, found: Reload) -> None:
        """Have it in force, and say what changed and what does not before a restart."""
        self.running = found.settings
        changed, waiting = list(found.changed), list(found.waiting)
        log.info("configuration_reloaded", pid=os.getpid(), changed=changed, needs_restart=waiting)

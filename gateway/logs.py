"""Logs: JSON on stdout, one canonical line a request; event names are past tense.

Never a prompt, a completion or a key.
"""

import asyncio
import datetime as dt
import logging
import os
import sys
import time
from contextlib import suppress
from functools import lru_cache
from typing import TextIO

import msgspec
import structlog

from gateway.exchange import Exchange

SETTINGS = {"requests": True}
SETTINGS_STREAM: list[TextIO] = [sys.stdout]
WRITE_SECONDS = 0.1
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})  # asked every few seconds, by machines
_encode = msgspec.json.Encoder(enc_hook=str).encode


def configure(*, log_requests: bool, stream: TextIO | None = None) -> None:
    """Set structlog up: JSON lines, or plain lines on a terminal."""
    SETTINGS["requests"] = log_requests
    out = stream or sys.stdout
    SETTINGS_STREAM[0] = out
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if out.isatty() else structlog.processors.JSONRenderer(serializer=_dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping().get(os.environ.get("FAREBOX_LOG_LEVEL", "INFO").upper(), logging.INFO)
        ),
        logger_factory=lambda *_: LastingLogger(out),
        cache_logger_on_first_use=True,
    )


def _dumps(value: object, **_: object) -> str:
    return _encode(value).decode()


class LastingLogger(structlog.WriteLogger):
    """A log that can't be written must not end what is being done."""

    def msg(self, message: str) -> None:
        """Write a line, if it can be written."""
        with suppress(OSError, ValueError):
            super().msg(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


class RequestLine(msgspec.Struct, gc=False):
    """The canonical line of a request. A time is in milliseconds.

    A chat request's has also: account_id, key_id, model, provider; prompt_tokens, held, charge in the account's unit.
    """

    event: str
    timestamp: str
    request_id: str
    method: str
    path: str
    status: int
    duration_ms: float


class RequestLog:
    """The canonical lines, one for each request, written together: a write for each would cost the line most."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def add(self, method: str, path: str, request_id: str, status: int, elapsed: float) -> None:
        """Add the line of a request; ``elapsed`` is in seconds."""
        if path not in QUIET:
            milliseconds = round(elapsed * 1000, 3)
            line = RequestLine("request_finished", _now(), request_id, method, path, status, milliseconds)
            self._append(_encode(line))

    def add_chat(self, exchange: Exchange, status: int, elapsed: float) -> None:
        """Add the line of a chat request."""
        if exchange.relay is None:
            self.add("POST", exchange.path, exchange.request_id, status, elapsed)
            return
        hold = exchange.relay.hold
        order = hold.order
        shared = _shared_part(exchange.path, order.account_id, order.key_id, order.model, hold.spec.provider)
        self._append(
            b'{"event":"request_finished","timestamp":"%b","request_id":"%b",%b,"status":%d,"duration_ms":%.3f,'
            b'"prompt_tokens":%d,"held":%d%b}'
            % (
                _now().encode(),
                exchange.request_id.encode(),
                shared,
                status,
                elapsed * 1000,
                order.prompt_tokens,
                hold.reservation.amount,
                b"" if hold.charge is None else b',"charge":%d' % hold.charge,
            )
        )

    def _append(self, line: bytes) -> None:
        if not SETTINGS["requests"]:
            return
        if not self._lines:
            asyncio.get_running_loop().call_later(WRITE_SECONDS, self.write)
        # Encoded already: to keep the objects of a request for later costs more, in memory that is no longer warm.
        self._lines.append(line)

    def write(self) -> None:
        """Write what was added."""
        lines, self._lines = self._lines, []
        if lines:
            with suppress(OSError, ValueError):  # a full disk must not end a request; what happened is in the ledger
                out = SETTINGS_STREAM[0]
                out.write(b"\n".join(lines).decode() + "\n")
                out.flush()


@lru_cache(maxsize=4096)
def _shared_part(path: str, account_id: str, key_id: str | None, model: str, provider: str) -> bytes:
    """Return the members of a chat request's line that all requests of a key for a model have in common."""
    members = {"account_id": account_id, "key_id": key_id, "model": model, "provider": provider}
    told = {name: value for name, value in members.items() if value}
    return _encode({"method": "POST", "path": path, **told})[1:-1]


class _Clock:
    """The time of this second as text: to write a whole one for each line would cost a microsecond."""

    second = 0
    text = ""


def _now() -> str:
    now = time.time_ns() // 1000
    second = now // 1_000_000
    if second != _Clock.second:
        _Clock.second, _Clock.text = second, dt.datetime.fromtimestamp(second, dt.UTC).isoformat()[:19]
    return f"{_Clock.text}.{now % 1_000_000:06d}Z"


REQUESTS = RequestLog()

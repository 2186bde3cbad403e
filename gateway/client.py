"""The admin API from a terminal: a gateway that is running, its admin key, and one call at a time."""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

from config.settings import Settings
from gateway.kept import kept

AGENT = "farebox-cli"  # by which the trail tells the command line from other clients
SECONDS_MAX = 600  # an audit of a large ledger takes its time


class ClientError(Exception):
    """The gateway refused, or can't be reached; the text is one line."""


class NoGatewayError(ClientError):
    """Nothing answers at the configured address."""


class AdminClient:
    """Calls the gateway at the configured host and port."""

    def __init__(self, settings: Settings) -> None:
        host = settings.server.host
        self._url = f"http://{f'[{host}]' if ':' in host else host}:{settings.server.port}"
        self._key = settings.auth.admin_key or kept(settings.state_dir / "admin.key")

    def call(self, method: str, path: str, body: dict[str, object] | None = None, *, once: str | None = None) -> Any:  # noqa: ANN401 - JSON
        """Return the JSON answer of an admin route; ``once`` is an Idempotency-Key. Raises ClientError."""
        if self._key is None:
            raise ClientError("there is no admin key; set FAREBOX_ADMIN_KEY, or name the --state-dir of the gateway")
        request = urllib.request.Request(  # noqa: S310 - http to the operator's own gateway
            f"{self._url}/admin/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._key}",
                "Content-Type": "application/json",
                "User-Agent": AGENT,
                **({"Idempotency-Key": once} if once else {}),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS_MAX) as response:  # noqa: S310 - the same
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            raise ClientError(_message(error)) from error
        except (ValueError, http.client.HTTPException) as error:
            raise ClientError(f"what answers at {self._url} is no Farebox; see --host and --port") from error
        except OSError as error:
            raise NoGatewayError(f"no gateway answers at {self._url}: {error}; see --host and --port") from error


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the gateway answered {error.code}"

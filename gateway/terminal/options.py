"""Options that all commands share, and errors in one line."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from config.errors import ConfigurationError
from config.loader import load_settings
from config.settings import Settings
from gateway.client import ClientError
from gateway.embedded.errors import EmbeddedError
from gateway.kept import KeepError

T = TypeVar("T")
CONFIG = click.option("--config", type=click.Path(path_type=Path), help="A TOML file over the defaults.")
HOST = click.option("--host", help="Address of the gateway (127.0.0.1).")
PORT = click.option("--port", type=int, help="Port of the gateway (8080).")
STATE = click.option("--state-dir", type=click.Path(path_type=Path), help="Where Farebox keeps its state.")


def settings_of(config: Path | None, **overrides: object) -> Settings:
    """Return the settings, or end with one line for each problem."""
    try:
        return load_settings(config, os.environ, overrides)
    except (ConfigurationError, OSError) as error:
        raise click.ClickException(str(error)) from error


def in_one_line(work: Callable[[], T]) -> T:
    """Return what ``work`` returns; what goes wrong is one line."""
    from metering.errors import MeteringError  # noqa: PLC0415 - imports what only it needs

    try:
        return work()
    except (ClientError, EmbeddedError, KeepError, MeteringError) as error:
        raise click.ClickException(str(error)) from error

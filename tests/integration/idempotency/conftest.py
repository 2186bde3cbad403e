"""The meter's parts, beside the line."""

from tests.integration.metering.conftest import book, gateway, launch

__all__ = ["book", "gateway", "launch"]

"""Reading a request's body, within its limits of size and time."""

import asyncio

from aiohttp import web

from gateway.errors import ApiError

BODY = web.RequestKey("body", bytes)
"""The body of a request that was read before its handler, which would find nothing left."""


async def read_body(request: web.Request, *, seconds_max: float) -> bytes:
    """Return the body. Raises ApiError: 408 when it does not arrive in time, 413 when it is too large."""
    announced = request.content_length or 0
    if announced > request.client_max_size:
        raise web.HTTPRequestEntityTooLarge(request.client_max_size, announced)
    try:
        async with asyncio.timeout(seconds_max):
            return await request.read()
    except TimeoutError:
        raise body_too_late(seconds_max) from None


def body_too_late(seconds_max: float) -> ApiError:
    """Return a 408."""
    return ApiError(408, f"The request body did not arrive within {seconds_max:g} seconds.", code="request_timeout")

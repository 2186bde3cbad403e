"""Errors of the wire formats.

InvalidRequestError
"""

__all__ = ["InvalidRequestError"]


class InvalidRequestError(Exception):
    """The client's request cannot be read; the gateway answers 400 and forwards nothing.

    ``param`` names the field as a client would write it, such as
    ``messages[1].content``, or is None when the body as a whole is at fault.
    """

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param

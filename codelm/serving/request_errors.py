"""Errors as responses: an HTTP status and one error object, in the shape that OpenAI's clients read."""

from typing import Any

from starlette.responses import JSONResponse

from codelm.errors import InputError, is_out_of_memory, one_line

__all__ = ["RequestError", "error_body", "error_response", "request_error_for"]

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error"}


class RequestError(Exception):
    """A request that is refused or has failed.

    Args:
        status: The HTTP status.
        message: What was given, what was wanted, what to do.
        field: The field of the request that is wrong, if it is one.
        headers: Further HTTP headers of the response.
    """

    def __init__(
        self, status: int, message: str, *, field: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.field = field
        self.headers = headers


def error_body(error: RequestError) -> dict[str, Any]:
    """Return the error object, as the whole body of a response or as an event of a stream."""
    kind = _TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "server_error")
    return {"error": {"message": str(error), "type": kind, "param": error.field, "code": error.status}}


def error_response(error: RequestError) -> JSONResponse:
    """Return the response to a request that is refused or has failed."""
    return JSONResponse(error_body(error), error.status, error.headers)


def request_error_for(error: Exception) -> RequestError:
    """Return what an error of any kind is to a client: details that only the log should have are left out."""
    if isinstance(error, RequestError):
        return error
    if isinstance(error, InputError):
        return RequestError(400, " ".join(str(error).split()))
    if is_out_of_memory(error):
        return RequestError(503, "out of memory: send less text, or ask for fewer tokens", headers={"Retry-After": "5"})
    return RequestError(500, f"codelm failed: {one_line(error, 100)}")

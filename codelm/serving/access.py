"""Access control: programs of this machine, or clients with the API key."""

import hmac
import ipaddress
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from codelm.serving.request_errors import RequestError, error_response

__all__ = ["AccessControl", "is_loopback", "names_loopback"]

_LOOPBACK = "localhost"


def is_loopback(host: str) -> bool:
    """Return whether an address is reached from this machine alone.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org")]
    [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == _LOOPBACK


def names_loopback(header: str) -> bool:
    """Return whether a header ``Host`` names this machine; that of a page whose own domain leads here does not.

    >>> [names_loopback(header) for header in ("127.0.0.1:8012", "[::1]:80", "localhost", "evil.example:8012", "")]
    [True, True, True, False, False]
    """
    host = header[1 : header.find("]")] if header.startswith("[") else header.partition(":")[0]
    return is_loopback(host.lower())


class AccessControl:
    """Middleware that lets a request through to an application, or refuses it.

    Args:
        app: The application.
        key: The API key that requests must have, but for ``/health``; None for none.
        only_loopback: Whether the header ``Host`` must name this machine.
    """

    def __init__(self, app: ASGIApp, key: str | None, *, only_loopback: bool) -> None:
        self._app = app
        self._key = key
        self._only_loopback = only_loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with 403 or 401."""
        error = self._error(scope["path"], Headers(scope=scope).get) if scope["type"] == "http" else None
        await (self._app if error is None else error_response(error))(scope, receive, send)

    def _error(self, path: str, header: Callable[[str, str], str]) -> RequestError | None:
        """Return why a request is refused; ``header`` gives a header's value by its name, or a default."""
        if self._only_loopback and not names_loopback(header("host", "")):
            return RequestError(403, "the host of this address is another one; ask 127.0.0.1 or localhost")
        given = header("authorization", "").removeprefix("Bearer ").encode("latin-1")
        if self._key is not None and path != "/health" and not hmac.compare_digest(given, self._key.encode()):
            wanted = "the key is missing or wrong; send it as Authorization: Bearer KEY"
            return RequestError(401, wanted, headers={"WWW-Authenticate": "Bearer"})
        return None

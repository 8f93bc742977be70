"""A watch over the network: which other machines Python code of this process has reached for."""

import ipaddress
import socket
import sys

__all__ = ["is_elsewhere", "reached", "watch"]

_ADDRESSES = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
}
"""The audit events of Python with the position of the address among their arguments."""

reached: list[str] = []


def is_elsewhere(address):
    """Whether an address is that of another machine: paths of local sockets and this machine's own names are not.

    >>> [is_elsewhere(one) for one in (("127.0.0.1", 80), ("::1", 80, 0, 0), "/run/socket", ("", 0), None, "localhost")]
    [False, False, False, False, False, False]
    >>> [is_elsewhere(one) for one in (("192.0.2.1", 80), "example.org", b"example.org")]
    [True, True, True]
    """
    host = address[0] if isinstance(address, tuple) else address
    host = host.decode() if isinstance(host, bytes) else host
    if not host or host.startswith(("/", "\0")) or host in ("localhost", socket.gethostname()):
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def _look(event, arguments):
    if event in _ADDRESSES and is_elsewhere(arguments[_ADDRESSES[event]]):
        reached.append(f"{event} {arguments[_ADDRESSES[event]]}")
        raise PermissionError(f"a test reaches for another machine: {reached[-1]}")


def watch():
    """Refuse and record from now on what reaches for another machine; Python cannot take back a hook."""
    sys.addaudithook(_look)

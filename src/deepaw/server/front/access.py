"""Who may ask: everybody on the socket or the loopback address, others with a key."""

from __future__ import annotations

import hmac
import ipaddress
import re
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from deepaw.server.front.config import FrontConfig
from deepaw.server.front.errors import RequestError

OPEN = {"/", "/health", "/v1/health"}
"""For browsers, which cannot send a key before there is a page, and for load balancers: without a key they are told
nothing but the status.
"""

FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-real-ip")

_NAME = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class AccessMiddleware:
    """Refuses strangers and notes, as `deepaw.client` of the scope, who a request is from.

    A client is `local` or `key-N`, the number of the key in their order; what follows a colon, given as `X-Client` or
    by the connection, tells local ones apart, so that each gets a fair share.
    """

    def __init__(self, app: ASGIApp, config: FrontConfig) -> None:
        self._app = app
        self._keys = [key.encode() for key in config.keys]
        self._always = config.require_key == "always"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            client = self._client(scope, headers)
            scope["deepaw.client"] = client or "stranger"
            if client is None and scope["path"] not in OPEN:
                given = "is not a key of this server" if b"x-api-key" in headers else "is missing"
                raise RequestError(
                    401,
                    "key",
                    f"The header X-API-Key {given}; one of the keys of this server is needed.",
                    {"WWW-Authenticate": "ApiKey"},
                )
        await self._app(scope, receive, send)

    def _client(self, scope: Scope, headers: dict[bytes, bytes]) -> str | None:
        number = self._key_number(headers.get(b"x-api-key", b""))
        if number is not None:
            return f"key-{number}"
        if not is_local(scope, headers) or (self._always and scope.get("client") is not None):
            return None
        name = headers.get(b"x-client", b"")
        if _NAME.fullmatch(name):
            return f"local:{name.decode()}"
        return f"local:{scope['client'][1]}" if scope.get("client") else "local"

    def _key_number(self, given: bytes) -> int | None:
        """From 1; every key is compared in full, so that time tells nothing."""
        found = None
        for number, key in enumerate(self._keys, 1):
            if hmac.compare_digest(given, key):
                found = number
        return found


def over_socket(scope: Scope) -> bool:
    """Whether it came over the Unix socket, which only the owner of the server can open."""
    return scope.get("client") is None


def is_local(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Whether a request is from this machine: not passed on by a proxy, nor sent by a web page of another site.

    A browser on this machine sends what any page tells it to; the page's own address then stands in `Origin`, or, where
    the page has had its name resolved to this machine, in `Host`.
    """
    if any(name in headers for name in FORWARDED):
        return False
    host = headers.get(b"host", b"").decode("latin-1")
    origin = headers.get(b"origin", b"").decode("latin-1")
    if origin and urlsplit(origin).netloc != host:
        return False
    if over_socket(scope):
        return True
    try:
        loopback = _address(scope["client"][0]).is_loopback
        name = urlsplit(f"//{host}").hostname or "localhost"
        return loopback and (name == "localhost" or _address(name) is not None)
    except ValueError:
        return False


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address

"""Reads what trusted reverse proxies say about their clients: `X-Forwarded-*` headers, or `Forwarded` (RFC 7239)."""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from service.api.front.request import Request
from service.api.http.errors import InvalidHeader, RequestFault
from service.api.http.links import PREFIX
from service.config import Settings

FORWARDED = "Forwarded"
FOR, PROTO, HOST = "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"
PATH_PREFIX = "X-Forwarded-Prefix"
NAMES = (FORWARDED, FOR, PROTO, HOST, PATH_PREFIX)
KEYS = tuple(name.lower() for name in NAMES)
SCHEMES = ("http", "https")
LONGEST = 4096
"""The characters of each of these headers at most. A client may send a header that its proxy extends."""
MOST_REMEMBERED = 256
PAIR = re.compile(r'[ \t]*(?:([\w!#$%&\'*+.^`|~-]+)=("(?:[^"\\]|\\.)*"|[^\s",;]+)[ \t]*)?([;,]|\Z)')
"""A pair of a `Forwarded` element, and what ends it. Like many proxies, it needs no quotes around a port."""
PREFIX_FORM = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
"""Segments without special characters, none of them empty: `//example.org` would lead to another host."""


class Told(NamedTuple):
    """What a trusted proxy says about a request; None or empty if it doesn't."""

    address: str
    scheme: str | None
    host: str | None
    prefix: str


class TrustedProxies:
    """The proxies that one process trusts, from its settings. The headers of all other clients have no effect."""

    def __init__(self, settings: Settings) -> None:
        self._networks = settings.proxy_networks
        self._trusts = lru_cache(MOST_REMEMBERED)(self._find_trusted)
        # A client's requests come with the same headers, again and again.
        self._read = lru_cache(MOST_REMEMBERED)(self._read_headers)

    def apply(self, request: Request) -> None:
        """Replace address, scheme, host and path prefix by what a trusted proxy says. Raises InvalidHeader."""
        if not self._networks or not self._trusts(request.address):
            return
        told = self._read(request.address, *map(request.headers.get, KEYS))
        scope = request.scope
        scope["client"] = (told.address, 0)
        if told.scheme:
            scope["scheme"] = told.scheme
        if told.host:
            request.headers["host"] = told.host
        if told.prefix:
            scope["root_path"] = told.prefix
            PREFIX.set(told.prefix)

    def _read_headers(self, peer: str, *given: str | None) -> Told:
        """The client is the last address in the chain that isn't a trusted proxy. Scheme and host are those that the
        outermost trusted proxy received. The prefixes that trusted proxies removed are joined."""
        values = {name: value for name, value in zip(NAMES, given, strict=True) if value is not None}
        for name, value in values.items():
            if len(value) > LONGEST:
                raise _invalid(name, f"has more than {LONGEST:,} characters")
        text = values.get(FORWARDED)
        if text is not None:
            for name in (FOR, PROTO, HOST):
                if name in values:
                    raise _invalid(name, f"comes together with {FORWARDED}, and one of them may be the client's own")
            elements = _read_elements(text)
            address, hops = self._follow(peer, [element.get("for", "") for element in elements])
            scheme, host = elements[-hops].get("proto"), elements[-hops].get("host")
        else:
            address, hops = self._follow(peer, _split(values.get(FOR)))
            scheme, host = (_of_outermost(_split(values.get(name)), hops) for name in (PROTO, HOST))
        if scheme and scheme.lower() not in SCHEMES:
            header = PROTO if text is None else FORWARDED
            raise _invalid(header, "must say that the protocol is http or https")
        prefix = _read_prefix(_split(values.get(PATH_PREFIX))[-hops:])
        return Told(address, scheme.lower() if scheme else None, host, prefix)

    def _follow(self, peer: str, chain: Sequence[str]) -> tuple[str, int]:
        """The client's address in a chain whose last entry is the nearest, and the number of trusted proxies.

        An entry that isn't an address, such as `unknown`, ends the chain: the client counts as the proxy that wrote it.
        """
        client, hops = peer, 1
        for entry in reversed(chain):
            address = _read_address(entry)
            if address is None:
                break
            client = address
            if not self._trusts(address):
                break
            hops += 1
        return client, min(hops, max(1, len(chain)))

    def _find_trusted(self, text: str) -> bool:
        address = _read_address(text)
        return address is not None and any(ip_address(address) in network for network in self._networks)


def _split(value: str | None) -> list[str]:
    """The comma-separated values of a header."""
    return [item.strip() for item in value.split(",") if item.strip()] if value else []


def _of_outermost(values: Sequence[str], hops: int) -> str | None:
    """The value of the outermost of `hops` proxies, if each one added its own or passed on the others'."""
    return values[-min(hops, len(values))] if values else None


def _read_elements(text: str) -> list[dict[str, str]]:
    """The elements of a `Forwarded` header, at least one, with lower-case names. The nearest proxy's is the last."""
    elements: list[dict[str, str]] = [{}]
    at = 0
    while at < len(text):
        part = PAIR.match(text, at)
        if part is None:
            raise _invalid(FORWARDED, "is not of the form for=192.0.2.1;proto=https;host=example.org (RFC 7239)")
        name, value, end = part.groups()
        if name:
            quoted = value.startswith('"')
            elements[-1][name.lower()] = re.sub(r"\\(.)", r"\1", value[1:-1]) if quoted else value
        if end == ",":
            elements.append({})
        at = part.end()
    return [element for element in elements if element] or [{}]


@lru_cache(MOST_REMEMBERED)
def _read_address(text: str) -> str | None:
    """The address of `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`; None for any other text."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _read_prefix(values: Sequence[str]) -> str:
    prefix = "".join(value.rstrip("/") for value in values)
    if prefix and PREFIX_FORM.fullmatch(prefix) is None:
        raise _invalid(PATH_PREFIX, 'must be a path such as /fitserve, of letters, digits, "-", ".", "_" and "~"')
    return prefix


def _invalid(name: str, reason: str) -> InvalidHeader:
    detail = f"{name} {reason}. A trusted proxy must set or remove it; see docs/guides/behind-a-proxy.md."
    return InvalidHeader(detail, [RequestFault(detail, header=name)])

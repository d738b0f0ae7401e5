"""Which hosts and addresses lie outside: judged without I/O."""

import ipaddress
import re
from collections.abc import Sequence

import idna

_NAME = re.compile(r"^(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*$")
_LAST_LABEL_NUMERIC = re.compile(r"(^|\.)(0x[0-9a-f]*|[0-9]+)$")
_GLOBAL_6 = ipaddress.ip_network("2000::/3")
# Addresses that carry an IPv4 address, and how far from the right it stands.
_CARRIERS = (
    (ipaddress.ip_network("::ffff:0:0/96"), 0),
    (ipaddress.ip_network("64:ff9b::/96"), 0),
    (ipaddress.ip_network("2002::/16"), 80),
)
_NEVER = tuple(
    map(
        ipaddress.ip_network,
        ("192.88.99.0/24", "192.0.0.0/24", "168.63.129.16/32", "2001::/23", "3fff::/20", "2001:db8::/32"),
    )
)


class HostRefused(ValueError):
    """The host of an address is written in a way that leads inside, or that readers disagree about."""


def host_of(written: str) -> str:
    """The host as it is looked up: lower case, ASCII, an address only in its one plain spelling.

    Raises HostRefused for every other spelling of a number: 127.1, 0x7f000001, 017700000001, [::1%lo].
    """
    host = written.strip("[]") if ":" in written else written
    if ":" in host:
        return _plain_6(host)
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            raise HostRefused(f"the host {written!r} is no name that can be looked up") from None
    host = host.lower()
    if _LAST_LABEL_NUMERIC.search(host.rstrip(".")):
        return _plain_4(host)
    if not _NAME.match(host.removesuffix(".")) or len(host) > 253:
        raise HostRefused(f"the host {written!r} is no name that can be looked up")
    return host


def _plain_4(host: str) -> str:
    try:
        return str(
            ipaddress.IPv4Address(host)
        )  # takes four decimal numbers without leading zeros, nothing else
    except ValueError:
        raise HostRefused(f"the host {host!r} is an unusual spelling of a numeric address") from None


def _plain_6(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        raise HostRefused(f"the host {host!r} is no IPv6 address") from None
    if address.scope_id is not None:
        raise HostRefused(f"the host {host!r} names a network interface")
    return str(address)


def is_outside(address: str) -> bool:
    """Whether this address belongs to the public internet; an address that carries one is judged by both."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None:
            return False
        for network, shift in _CARRIERS:
            if found in network:
                return network.prefixlen == 96 and _outside(_carried(found, shift))
        if found not in _GLOBAL_6:
            return False
    return _outside(found)


def _carried(address: ipaddress.IPv6Address, shift: int) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address((int(address) >> shift) & 0xFFFFFFFF)


def _outside(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    refused = (
        not address.is_global
        or address.is_multicast
        or address.is_reserved
        or any(address.version == network.version and address in network for network in _NEVER)
    )
    return not refused


def inside_of(addresses: Sequence[str]) -> str | None:
    """The first of them that is not outside: one is enough to refuse the host."""
    return next((address for address in addresses if not is_outside(address)), None)

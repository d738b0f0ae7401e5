"""How an action proves who calls: what an editor set, and the signature that comes of it."""

import base64
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from service.actions.egress import EgressRefused, Signature, origin_of

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_VISIBLE = re.compile(r"[\x20-\x7e]*\Z")
_CONNECTION = {
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "cookie",
    "te",
    "upgrade",
    "content-type",
}


class CredentialsInvalid(Exception):
    """The credentials of an action cannot be used as they are given; the message says what is missing."""


class Kind(StrEnum):
    """How a caller proves who they are."""

    NONE = "none"  # not at all
    API_KEY = "api_key"  # a key in a header, the query or a cookie
    BASIC = "basic"  # user name and password
    BEARER = "bearer"  # a token in Authorization
    OAUTH_CODE = "oauth_code"  # each member with an account of their own
    OAUTH_CLIENT = "oauth_client"  # the team with one account


SECRET_OF = {
    Kind.API_KEY: "key",
    Kind.BASIC: "password",
    Kind.BEARER: "token",
    Kind.OAUTH_CODE: "client_secret",
    Kind.OAUTH_CLIENT: "client_secret",
}


@dataclass(frozen=True, kw_only=True)
class Auth:
    """What may be shown of an action's credentials: everything but the secret."""

    kind: Kind = Kind.NONE
    where: str = "header"  # of an API key: header, query or cookie
    parameter: str = ""  # of an API key
    prefix: str = ""  # before an API key in a header, such as "Token "
    username: str = ""
    client_id: str = ""
    client_auth: str = "basic"  # how the client proves itself at the token endpoint: basic, post or none
    authorization_url: str = ""
    token_url: str = ""
    scopes: tuple[str, ...] = ()

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Auth":
        """As the database keeps it."""
        return cls(
            **{**stored, "kind": Kind(stored.get("kind", "none")), "scopes": tuple(stored.get("scopes", ()))}
        )

    def stored(self) -> dict[str, Any]:
        """For the database."""
        return {**asdict(self), "kind": str(self.kind), "scopes": list(self.scopes)}

    def check(self, secret: str | None) -> None:
        """Raises CredentialsInvalid where something is missing or cannot be sent."""
        name = SECRET_OF.get(self.kind)
        optional = self.kind is Kind.OAUTH_CODE and self.client_auth == "none"
        if name and not secret and not optional:
            raise CredentialsInvalid(f"{self.kind} credentials need `{name}`.")
        if secret and not _VISIBLE.match(secret) and self.kind is not Kind.BASIC:
            raise CredentialsInvalid(f"`{name}` holds characters that cannot be sent; copy it again.")
        if self.kind is Kind.API_KEY:
            self._check_key()
        if self.kind in (Kind.OAUTH_CODE, Kind.OAUTH_CLIENT):
            self._check_oauth()

    def _check_key(self) -> None:
        if not _TOKEN.match(self.parameter):
            raise CredentialsInvalid(
                "`parameter` is the name of the header, query parameter or cookie of the key."
            )
        if self.where == "header" and self.parameter.lower() in _CONNECTION:
            raise CredentialsInvalid(
                f"The header {self.parameter} belongs to the connection; take another one."
            )
        if not _VISIBLE.match(self.prefix):
            raise CredentialsInvalid("`prefix` holds characters that cannot be sent.")

    def _check_oauth(self) -> None:
        if not self.client_id:
            raise CredentialsInvalid("OAuth needs the `client_id` that the service gave you.")
        wanted = ["token_url"] + (["authorization_url"] if self.kind is Kind.OAUTH_CODE else [])
        for name in wanted:
            try:
                origin_of(getattr(self, name))
            except EgressRefused:
                raise CredentialsInvalid(f"OAuth needs `{name}`, an http(s) address.") from None


def signature_of(auth: Auth, secret: str, origins: frozenset[str]) -> Signature | None:
    """What is added to requests to these origins; for OAuth `secret` is the access token."""
    if auth.kind is Kind.NONE:
        return None
    if auth.kind is Kind.BASIC:
        pair = f"{auth.username}:{secret}".encode()
        header = f"Basic {base64.b64encode(pair).decode()}"
        return Signature(origins=origins, headers={"Authorization": header}, also_hidden=(secret,))
    if auth.kind is Kind.API_KEY and auth.where == "query":
        return Signature(origins=origins, query={auth.parameter: secret})
    if auth.kind is Kind.API_KEY and auth.where == "cookie":
        return Signature(origins=origins, cookies={auth.parameter: secret})
    if auth.kind is Kind.API_KEY:
        headers = {auth.parameter: auth.prefix + secret}
        return Signature(origins=origins, headers=headers, also_hidden=(secret,))
    return Signature(origins=origins, headers={"Authorization": f"Bearer {secret}"}, also_hidden=(secret,))

"""OAuth 2 toward outside services: authorization code with PKCE, refreshing, client credentials."""

import base64
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from service.actions.credentials import Auth
from service.actions.egress import Egress, Outbound, hidden_text, origin_of
from service.tools import ToolCallFailed

_EARLY_S = 60  # a token that ends sooner is refreshed before it is used
_LONGEST_ANSWER = 64_000


class OAuthRefused(ToolCallFailed):
    """The outside service gave no token; the message says what it said."""

    def __init__(self, message: str, *, error: str = "") -> None:
        super().__init__(message)
        self.error = error


@dataclass(frozen=True, kw_only=True)
class Token:
    """What a token endpoint gave."""

    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)
    expires_at: float | None = None  # Unix seconds

    @property
    def usable(self) -> bool:
        """Whether it lasts long enough for a call."""
        return self.expires_at is None or self.expires_at - _EARLY_S > time.time()

    def written(self) -> str:
        """For the vault."""
        return json.dumps([self.access, self.refresh, self.expires_at])

    @classmethod
    def read(cls, text: str) -> "Token":
        """From the vault."""
        access, refresh, expires_at = json.loads(text)
        return cls(access=access, refresh=refresh, expires_at=expires_at)


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """Where a member gives consent, and what the end of it is held against."""

    url: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)


def begin(auth: Auth, redirect_uri: str) -> Beginning:
    """The address of the outside service's consent page."""
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    url = prepare_grant_uri(
        auth.authorization_url,
        client_id=auth.client_id,
        response_type="code",
        redirect_uri=redirect_uri,
        scope=" ".join(auth.scopes) or None,
        state=state,
        code_challenge=create_s256_code_challenge(verifier),
        code_challenge_method="S256",
    )
    return Beginning(url=url, state=state, verifier=verifier)


@dataclass(frozen=True, kw_only=True)
class TokenEndpoint:
    """Where tokens come from, over the guarded door."""

    egress: Egress
    auth: Auth
    secret: str = field(repr=False)

    async def redeem(self, code: str, *, verifier: str, redirect_uri: str) -> Token:
        """The token for the code that the consent page gave. Raises OAuthRefused."""
        return await self._ask(
            "authorization_code", code=code, code_verifier=verifier, redirect_uri=redirect_uri
        )

    async def refresh(self, token: Token) -> Token:
        """A fresh token for one that ends. Raises OAuthRefused."""
        assert token.refresh is not None
        fresh = await self._ask("refresh_token", refresh_token=token.refresh)
        kept = fresh.refresh or token.refresh  # a service that does not rotate says nothing of it
        return Token(access=fresh.access, refresh=kept, expires_at=fresh.expires_at)

    async def own(self) -> Token:
        """A token for the team itself. Raises OAuthRefused."""
        scope = " ".join(self.auth.scopes)
        return await self._ask("client_credentials", **({"scope": scope} if scope else {}))

    async def _ask(self, grant: str, **given: str) -> Token:
        headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
        if self.auth.client_auth == "basic":
            pair = f"{quote_plus(self.auth.client_id)}:{quote_plus(self.secret)}".encode()
            headers.append(("Authorization", f"Basic {base64.b64encode(pair).decode()}"))
        else:
            given["client_id"] = self.auth.client_id
            if self.auth.client_auth == "post":
                given["client_secret"] = self.secret
        body = prepare_token_request(grant, **given)
        reply = await self.egress.send(
            Outbound(method="POST", url=self.auth.token_url, headers=tuple(headers), content=body.encode()),
            limit=_LONGEST_ANSWER,
        )
        hidden = [
            self.secret,
            *(given[name] for name in ("code", "code_verifier", "refresh_token") if name in given),
        ]
        return _token(reply.status, _fields(reply.text), origin_of(self.auth.token_url), hidden)


def _fields(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _token(status: int, fields: Mapping[str, Any], origin: str, hidden: list[str]) -> Token:
    access = fields.get("access_token")
    if status != 200 or not isinstance(access, str) or not access:
        error = str(fields.get("error", ""))
        said = f"{error} {fields.get('error_description', '')}"
        said = re.sub(r"[^\x20-\x7e]+", " ", hidden_text(said, hidden)).strip()[:200]
        raise OAuthRefused(
            f"{origin} gave no token (HTTP {status}{f': {said}' if said else ''}).", error=error
        )
    if str(fields.get("token_type", "bearer")).lower() != "bearer":
        raise OAuthRefused(f"{origin} gave a token that is no bearer token, which is not supported.")
    if not re.match(r"[\x21-\x7e]+\Z", access):
        raise OAuthRefused(f"{origin} gave a token that cannot be sent.")
    lasts, refresh = fields.get("expires_in"), fields.get("refresh_token")
    timed = isinstance(lasts, int | float) or (isinstance(lasts, str) and lasts.isdecimal())
    return Token(
        access=access,
        refresh=refresh if isinstance(refresh, str) and refresh else None,
        expires_at=time.time() + float(lasts) if timed and lasts is not None else None,
    )

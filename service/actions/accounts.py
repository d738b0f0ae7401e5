"""Whose credentials a call takes: the action's own, the team's token, or that of the member's account."""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import quote

from anyio import to_thread

from service.actions.credentials import SECRET_OF, Auth, CredentialsInvalid, Kind, signature_of
from service.actions.egress import Egress, Signature, origin_of
from service.actions.oauth import Beginning, OAuthRefused, Token, TokenEndpoint, begin
from service.actions.vault import Vault
from service.records import Caller, StoredAction
from service.store.actions import TEAM, Actions, SignIn
from service.tools import CallContext, ToolNeedsSignIn

CONNECT = "/oauth/connect"
CALLBACK = "/oauth/callback"
_CONSENT_WITHIN = timedelta(minutes=15)


class ConsentUnknown(Exception):
    """This consent was not begun by you in this session, was used already, or is too old; connect again."""


class NothingToConnect(Exception):
    """The action has no accounts of members: its credentials are of another kind."""


@dataclass
class Accounts:
    """Seals, finds and renews credentials. Nothing that it returns shows one, except to the egress door."""

    store: Actions
    vault: Vault
    egress: Egress
    url: str  # of the service, without a slash at the end
    _locks: defaultdict[tuple[str, str], asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock), repr=False
    )

    # What an editor sets

    def set(
        self, action: StoredAction, auth: Auth, secret: str | None, origins: Iterable[str]
    ) -> StoredAction:
        """Keep credentials for these origins and no others. Raises CredentialsInvalid."""
        auth.check(secret)
        origins = sorted(origins)
        if auth.kind is not Kind.NONE:
            ends = [origin_of(auth.token_url)] if auth.token_url else []
            for origin in (*origins, *ends):
                if not self.egress.keeps_secrets(origin):
                    raise CredentialsInvalid(f"Credentials go over https only, and {origin} is not.")
        sealed = (
            self.vault.seal(secret, purpose=_purpose(action)) if secret and auth.kind in SECRET_OF else None
        )
        return self.store.change(action, {"auth": auth.stored(), "secret": sealed, "origins": origins})

    # What a call takes

    async def signature(
        self, action: StoredAction, context: CallContext, *, instead_of: Signature | None = None
    ) -> Signature | None:
        """What signs a call. `instead_of`: that of a token which was refused, and is renewed where it can be.

        Raises ToolNeedsSignIn and OAuthRefused.
        """
        auth = Auth.of(action.auth)
        if auth.kind is Kind.NONE:
            return None
        if auth.kind in (Kind.OAUTH_CODE, Kind.OAUTH_CLIENT):
            refused = instead_of.headers["Authorization"].partition(" ")[2] if instead_of else None
            secret = await self._access(action, auth, context, refused)
        else:
            secret = self._secret(action)
        return signature_of(auth, secret, frozenset(action.origins))

    async def _access(
        self, action: StoredAction, auth: Auth, context: CallContext, refused: str | None
    ) -> str:
        member = context.member if auth.kind is Kind.OAUTH_CODE else TEAM
        async with self._locks[(action.id, member)]:  # a refresh token may serve only once
            token = await to_thread.run_sync(self._token, action, member)
            if token and token.usable and token.access != refused:
                return token.access
            token = await self._fresh(action, auth, member, token)
            await to_thread.run_sync(self._keep, action, member, token)
            return token.access

    async def _fresh(self, action: StoredAction, auth: Auth, member: str, token: Token | None) -> Token:
        endpoint = self._endpoint(action, auth)
        if auth.kind is Kind.OAUTH_CLIENT:
            return await endpoint.own()
        if token is None or token.refresh is None:
            raise self.needs_sign_in(action)
        try:
            return await endpoint.refresh(token)
        except OAuthRefused as refused:
            if refused.error != "invalid_grant":
                raise
            await to_thread.run_sync(self.store.forget_account, action.team_id, action.id, member)
            raise self.needs_sign_in(action) from None

    def needs_sign_in(self, action: StoredAction) -> ToolNeedsSignIn:
        """What to raise where the member has no account, or none that still works."""
        url = f"{self.url}{CONNECT}/{action.id}"
        return ToolNeedsSignIn(f"Connect your account of {action.name} first: {url}", url=url)

    # A member's own account

    def connected(self, action: StoredAction, member: str) -> bool:
        """Whether the member has an account there."""
        return self.store.account(action.team_id, action.id, member) is not None

    def connect(self, action: StoredAction, caller: Caller) -> Beginning:
        """Where the member consents; what comes back is for this member in this session. NothingToConnect."""
        auth = Auth.of(action.auth)
        if auth.kind is not Kind.OAUTH_CODE:
            raise NothingToConnect(NothingToConnect.__doc__)
        beginning = begin(auth, self.url + CALLBACK)
        sign_in = SignIn(
            action_id=action.id,
            member=caller.member,
            session=caller.session,
            secret=self.vault.seal(beginning.verifier, purpose=_purpose(action, caller.member)),
        )
        self.store.begin_sign_in(
            caller.team.id, sign_in, sha256=_sha256(beginning.state), lasts=_CONSENT_WITHIN
        )
        return beginning

    async def finish(self, caller: Caller, state: str, code: str) -> StoredAction:
        """Redeem what the consent page gave. Raises ConsentUnknown and OAuthRefused."""
        found = await to_thread.run_sync(self._begun, caller, state)
        action, verifier = found
        endpoint = self._endpoint(action, Auth.of(action.auth))
        token = await endpoint.redeem(code, verifier=verifier, redirect_uri=self.url + CALLBACK)
        await to_thread.run_sync(self._keep, action, caller.member, token)
        return action

    def _begun(self, caller: Caller, state: str) -> tuple[StoredAction, str]:
        sign_in = self.store.end_sign_in(caller.team.id, caller.member, sha256=_sha256(state))
        action = self.store.by_id(caller.team.id, sign_in.action_id) if sign_in else None
        if sign_in is None or action is None or sign_in.session not in (None, caller.session):
            raise ConsentUnknown(ConsentUnknown.__doc__)
        return action, self.vault.open(sign_in.secret, purpose=_purpose(action, caller.member))

    # At rest

    def _secret(self, action: StoredAction) -> str:
        return self.vault.open(action.secret, purpose=_purpose(action)) if action.secret else ""

    def _token(self, action: StoredAction, member: str) -> Token | None:
        sealed = self.store.account(action.team_id, action.id, member)
        return Token.read(self.vault.open(sealed, purpose=_purpose(action, member))) if sealed else None

    def _keep(self, action: StoredAction, member: str, token: Token) -> None:
        sealed = self.vault.seal(token.written(), purpose=_purpose(action, member))
        self.store.keep_account(action.team_id, action.id, member, sealed)

    def _endpoint(self, action: StoredAction, auth: Auth) -> TokenEndpoint:
        return TokenEndpoint(egress=self.egress, auth=auth, secret=self._secret(action))


def _purpose(action: StoredAction, *more: str) -> str:
    return "/".join((action.team_id, action.id, *map(quote, more)))


def _sha256(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()

"""A real OAuth server, made with Authlib, and the API that it guards: `python -m … PORT`.

Its consent page consents at once for the user that `login` names; tokens last `lifetime` seconds.
"""

import os
import secrets
import sys
import time
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, JsonRequest, OAuth2Request, grants
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # it is on loopback
CLIENT_ID, CLIENT_SECRET = "doumi", "client-secret-77aa"
SCOPES = "read write"


class Client(ClientMixin):
    def __init__(self, redirect_uri: str) -> None:
        self.redirect_uri = redirect_uri

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_allowed_scope(self, scope: str) -> str:
        return " ".join(part for part in (scope or "").split() if part in SCOPES.split())

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.endswith("/oauth/callback")

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(client_secret, CLIENT_SECRET)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return True


class Code:
    def __init__(self, code: str, request: OAuth2Request, user: str) -> None:
        data = request.payload.data
        self.code, self.user, self.client_id = code, user, CLIENT_ID
        self.redirect_uri, self.scope = data.get("redirect_uri"), data.get("scope")
        self.code_challenge, self.code_challenge_method = (
            data.get("code_challenge"),
            data.get("code_challenge_method"),
        )

    def get_redirect_uri(self) -> str | None:
        return self.redirect_uri

    def get_scope(self) -> str | None:
        return self.scope


class FormRequest(OAuth2Request):  # type: ignore[misc]
    @property
    def form(self) -> dict[str, str]:
        return dict(self.payload.data)

    @property
    def args(self) -> dict[str, str]:
        return dict(self.payload.data)


class Refresh:
    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record

    def check_client(self, client: Client) -> bool:
        return True

    def get_scope(self) -> str:
        return str(self.record["scope"])


CODES: dict[str, Code] = {}
TOKENS: dict[str, dict[str, Any]] = {}  # by access token
REFRESH: dict[str, dict[str, Any]] = {}
STATE = {"lifetime": 3600, "rotate": True}
HEARD: list[dict[str, Any]] = []


class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        CODES[code] = Code(code, request, request.user)

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        return CODES.get(code)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        CODES.pop(authorization_code.code, None)

    def authenticate_user(self, authorization_code: Code) -> str:
        return authorization_code.user


class RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Refresh | None:
        record = REFRESH.get(refresh_token)
        return Refresh(record) if record else None

    def authenticate_user(self, refresh_token: Refresh) -> str:
        return str(refresh_token.record["user"])

    def revoke_old_credential(self, refresh_token: Refresh) -> None:
        REFRESH.pop(refresh_token.record["refresh_token"], None)


class ClientGrant(grants.ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")


class Server(AuthorizationServer):  # type: ignore[misc]
    def query_client(self, client_id: str) -> Client | None:
        return Client("") if client_id == CLIENT_ID else None

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        record = token | {"user": request.user or "the team", "ends": time.time() + token["expires_in"]}
        TOKENS[token["access_token"]] = record
        if "refresh_token" in token:
            REFRESH[token["refresh_token"]] = record

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def create_json_request(self, request: Any) -> JsonRequest:
        raise NotImplementedError

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Response:
        made = JSONResponse(body or None, status_code=status)
        made.headers.update(dict(headers))
        return made

    def send_signal(self, *_: Any, **__: Any) -> None:
        pass


server = Server(scopes_supported=SCOPES.split())
server.register_token_generator(
    "default",
    BearerTokenGenerator(
        access_token_generator=lambda **_: secrets.token_urlsafe(24),
        refresh_token_generator=lambda **_: secrets.token_urlsafe(24),
        expires_generator=lambda *_: STATE["lifetime"],
    ),
)
server.register_grant(CodeGrant, [CodeChallenge(required=True)])
server.register_grant(RefreshGrant)
server.register_grant(ClientGrant)
app = FastAPI(title="Provider")


async def _oauth(request: Request) -> OAuth2Request:
    data = dict(request.query_params) | dict(parse_qsl((await request.body()).decode()))
    found = FormRequest(request.method, str(request.url), headers=dict(request.headers))
    found.headers = {**request.headers, "Authorization": request.headers.get("authorization", "")}
    found.payload = BasicOAuth2Payload(data)
    return found


@app.get("/authorize")
async def authorize(request: Request) -> Any:
    """The consent page, which the user `login` has consented to already."""
    user = request.query_params.get("login", "mina")
    found = await _oauth(request)
    grant = server.get_consent_grant(found, end_user=user)
    return server.create_authorization_response(found, grant_user=user, grant=grant)


@app.post("/token")
async def token(request: Request) -> Any:
    found = await _oauth(request)
    HEARD.append({"grant": found.payload.data.get("grant_type"), "fields": sorted(found.payload.data)})
    return server.create_token_response(found)


def _who(request: Request) -> dict[str, Any]:
    record = TOKENS.get(request.headers.get("authorization", "").removeprefix("Bearer "))
    if record is None or record["ends"] < time.time():
        raise HTTPException(401, "The token is unknown or has ended.")
    return record


@app.get("/me")
def me(request: Request) -> dict[str, Any]:
    """Who the token is for."""
    record = _who(request)
    return {"user": record["user"], "scope": record["scope"], "heard": request.headers["authorization"]}


@app.post("/orders", status_code=201)
async def order(request: Request) -> dict[str, Any]:
    return {"for": _who(request)["user"], **await request.json()}


@app.get("/seen")
def seen() -> list[dict[str, Any]]:
    """Which tokens were asked for since the last time this was asked."""
    found = list(HEARD)
    HEARD.clear()
    return found


@app.post("/state")
async def state(request: Request) -> dict[str, Any]:
    """For tests: {"lifetime": seconds}, {"forget": "access"} or {"forget": "all"}."""
    given = await request.json()
    STATE.update({name: value for name, value in given.items() if name in STATE})
    if given.get("forget") in ("access", "all"):
        TOKENS.clear()
    if given.get("forget") == "all":
        REFRESH.clear()
    return STATE


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="critical")

"""Signing in and out: tokens for a password, new ones for old ones, and who one is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from orchestration.access import logins, tokens
from orchestration.access.identity import Identity
from orchestration.access.logins import Tokens
from orchestration.api.answers import document_answer
from orchestration.api.callers import caller, count_address, credential, office_of, origin_of
from orchestration.api.problems import Kind, ProblemError
from orchestration.api.schemas import problem_responses
from orchestration.api.signing_in import LONGEST_EMAIL, let_in

router = APIRouter(tags=["signing in"])

_LOGIN_REFUSALS = problem_responses(
    Kind.NOT_READABLE, Kind.NOT_SIGNED_IN, Kind.NOT_VALID, Kind.TOO_MANY, Kind.UNAVAILABLE
)


class Login(BaseModel):
    """A user's address and password."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"examples": [{"email": "anna@example.com", "password": "four words that match"}]},
    )

    email: str = Field(min_length=3, max_length=LONGEST_EMAIL)
    password: str = Field(min_length=1, max_length=1024)


class RefreshToken(BaseModel):
    """A refresh token that was not used before."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    refresh_token: str = Field(min_length=1, max_length=512)


class GivenTokens(BaseModel):
    """Tokens of a login."""

    access_token: str
    token_type: str = "Bearer"
    expires_in: int = Field(description="Seconds that the access token is good for.")
    refresh_token: str = Field(description="Good for one exchange; presented twice, the login ends.")


class Me(BaseModel):
    """Who asks, and for which clients it may do what."""

    name: str = Field(description="A user's id or a key's prefix, as requests and logs name it.")
    email: str | None
    is_operator: bool
    clients: dict[str, list[str]] = Field(
        description="Client -> what may be done for it: read, plan, deliver, run, manage."
    )


@router.post("/auth/token", response_model=GivenTokens, responses=_LOGIN_REFUSALS)
def token(request: Request, login: Login) -> Response:
    """Sign in with address and password."""
    keys = office_of(request).keys
    return _given(
        let_in(
            request,
            login.email,
            login.password,
            lambda connection, user_id: logins.issue_tokens(connection, keys, user_id),
        )
    )


@router.post("/auth/refresh", response_model=GivenTokens, responses=_LOGIN_REFUSALS)
def refresh(request: Request, presented: RefreshToken) -> Response:
    """Exchange a refresh token for new tokens; the old one is good for nothing afterwards."""
    count_address(request)
    office = office_of(request)
    with office.pool.as_api() as connection:
        given = logins.refresh(connection, office.keys, presented.refresh_token, origin_of(request))
    if given is None:
        office.metrics.refused("token_refused")
        raise ProblemError(Kind.NOT_SIGNED_IN, "The refresh token is not accepted; sign in again.")
    return _given(given)


@router.post(
    "/auth/logout",
    status_code=204,
    response_class=Response,
    responses={**_LOGIN_REFUSALS, **problem_responses(Kind.NOT_ALLOWED)},
)
def logout(request: Request, identity: Annotated[Identity, Depends(caller)]) -> Response:
    """Sign out: the token, and the login it comes from, are refused from now on."""
    office = office_of(request)
    is_key, text = credential(request)
    if is_key or identity.user_id is None:
        raise ProblemError(
            Kind.NOT_ALLOWED, "A key does not sign out; take it back with 'forecaster key revoke'."
        )
    claims = tokens.read(office.keys, text)
    if isinstance(claims, tokens.Claims):
        with office.pool.as_api() as connection:
            logins.revoke(connection, claims, origin_of(request))
    return Response(status_code=204)


@router.get("/me", response_model=Me, responses=_LOGIN_REFUSALS)
def me(request: Request, identity: Annotated[Identity, Depends(caller)]) -> Response:
    """Who asks, and what may be done for which client."""
    return document_answer(
        request,
        Me(
            name=identity.name,
            email=identity.email,
            is_operator=identity.is_operator,
            clients={client: sorted(identity.allowed[client]) for client in identity.clients},
        ),
    )


def _given(given: Tokens) -> JSONResponse:
    shown = GivenTokens(
        access_token=given.access, expires_in=given.access_seconds, refresh_token=given.refresh
    )
    return JSONResponse(shown.model_dump(), headers={"Cache-Control": "no-store"})

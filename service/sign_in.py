"""Showing who one is: a password, an invitation, a link to set a new password."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta

from anyio import to_thread

from service.installation import Installation
from service.records import Caller, Person
from service.store.attempts import guessers

_LINK_UNUSABLE = "This link was used already or is too old; ask an owner of the team for a new one."
SESSION_LASTS = timedelta(days=14)
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class WrongPassword(Exception):
    """The address or the password is wrong. Which of them is not said."""


class AddressUnusable(Exception):
    """This is no e-mail address, or not the one that the invitation is for."""


class LinkUnusable(Exception):
    """A link that works once was used already or is too old; ask for a new one."""


class NoAccount(Exception):
    """The caller is a key or link and no person with an address and a password."""


class NoTeam(Exception):
    """The person belongs to no team of this installation; ask an owner for an invitation."""


@dataclass(frozen=True, kw_only=True)
class Browser:
    """Where a request to sign in comes from."""

    agent: str
    address: str


def address_of(email: str) -> str:
    """The address as it is kept: lower case, one form. Raises AddressUnusable."""
    said = unicodedata.normalize("NFKC", email).strip().lower()
    if len(said) > 320 or not _ADDRESS.fullmatch(said):
        raise AddressUnusable("Write an e-mail address, such as kim@example.org.")
    return said


async def with_password(here: Installation, email: str, password: str, browser: Browser) -> str:
    """A session's secret. Raises WrongPassword, TooManyAttempts, SignInBusy, NoTeam, AddressUnusable."""
    person = await _checked(here, address_of(email), password, browser.address)
    return await to_thread.run_sync(open_session, here, person.id, browser)


def open_session(here: Installation, person_id: str, browser: Browser) -> str:
    """A session in the oldest of the person's teams. Raises NoTeam."""
    places = here.store.people.memberships(person_id)
    if not places:
        raise NoTeam("You belong to no team of this installation; ask an owner of a team for an invitation.")
    return _session(here, places[0].team.id, places[0].member_id, browser)


async def with_invitation(
    here: Installation, token: str, *, email: str, name: str, password: str, browser: Browser
) -> str:
    """Accept an invitation, as somebody new or with the account that one has; a session's secret.

    Raises InvitationNotFound, AddressUnusable, AlreadyMember, PasswordTooWeak, WrongPassword,
    TooManyAttempts and SignInBusy.
    """
    address = address_of(email)
    invitation, _ = await to_thread.run_sync(here.store.invitations.look, token)
    if invitation.email is not None and invitation.email != address:
        raise AddressUnusable("This invitation is for another e-mail address; use the one that was invited.")
    if await to_thread.run_sync(here.store.people.by_email, address):
        person = await _checked(here, address, password, browser.address)
        accept = lambda: here.store.invitations.accept(token, person_id=person.id)  # noqa: E731
    else:
        hashed = await here.passwords.hash(password)
        accept = lambda: here.store.invitations.accept_new(  # noqa: E731
            token, email=address, name=name, password=hashed
        )
    team_id, member_id = await to_thread.run_sync(accept)
    return await to_thread.run_sync(_session, here, team_id, member_id, browser)


async def change_password(here: Installation, caller: Caller, old: str, new: str, address: str) -> int:
    """Store a new password and end the other sessions; how many that were. Raises NoAccount and as above."""
    if caller.person is None:
        raise NoAccount("You signed in with a key or a link and have no password; make an account first.")
    person, stored = await to_thread.run_sync(here.store.people.get, caller.person)
    await _matched(here, person.email or person.id, stored, old, address)
    hashed = await here.passwords.hash(new)
    return await to_thread.run_sync(
        lambda: here.store.people.set_password(person.id, hashed, keep_session=caller.session)
    )


async def reset_password(here: Installation, token: str, new: str) -> None:
    """Set a new password with a link of an owner. Raises LinkUnusable, PasswordTooWeak and SignInBusy."""
    found = await to_thread.run_sync(here.store.sessions.member_of_reset, token)
    if found is None or found.person_id is None:
        raise LinkUnusable(
            "This link was used already or is too old; ask an owner of the team for a new one."
        )
    hashed = await here.passwords.hash(new)
    if not await to_thread.run_sync(here.store.sessions.use_reset, token):
        raise LinkUnusable(
            "This link was used already or is too old; ask an owner of the team for a new one."
        )
    await to_thread.run_sync(here.store.people.set_password, found.person_id, hashed)


async def make_account(here: Installation, caller: Caller, *, name: str, email: str, password: str) -> None:
    """Give a member who signed in with a link an address and a password.

    Raises NoAccount, AddressUnusable, AddressTaken, PasswordTooWeak and SignInBusy.
    """
    if caller.session is None or caller.key is not None or caller.person is not None:
        raise NoAccount("An account is made by a member who signed in with a link and has none yet.")
    address = address_of(email)
    hashed = await here.passwords.hash(password)
    await to_thread.run_sync(
        lambda: here.store.people.name_member(
            caller.team.id, caller.member, name=name, email=address, password=hashed
        )
    )


async def _checked(here: Installation, address: str, password: str, origin: str) -> Person:
    found = await to_thread.run_sync(here.store.people.by_email, address)
    person, stored = found or (None, None)
    await _matched(here, address, stored, password, origin)
    assert person is not None
    return person


async def _matched(here: Installation, account: str, stored: str | None, said: str, origin: str) -> None:
    """Counted before it is checked, so that guesses sent at the same moment count one by one."""
    who = guessers(account, origin)
    await to_thread.run_sync(here.store.attempts.begin, who)
    if not await here.passwords.matches(stored, said):
        raise WrongPassword("The address or the password is wrong.")
    await to_thread.run_sync(here.store.attempts.succeed, who)


def _session(here: Installation, team_id: str, member_id: str, browser: Browser) -> str:
    return here.store.sessions.open_for(
        team_id, member_id, lasts=SESSION_LASTS, agent=browser.agent, address=browser.address
    )

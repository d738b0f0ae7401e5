"""Teams, who is in them, and who is asking."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do in the team; each role may do what the one before it may."""

    VIEWER = "viewer"  # talk to assistants
    EDITOR = "editor"  # write instructions, upload knowledge
    OWNER = "owner"  # members, keys, budgets

    def covers(self, needed: "Role") -> bool:
        """Whether this role may do what `needed` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Access(StrEnum):
    """How far a key reaches, within its role."""

    READ = "read"  # asks and reads; changes nothing of the team
    WRITE = "write"  # all that its role may


@dataclass(frozen=True, kw_only=True)
class Team:
    """The wall: everything belongs to one team and is seen by no other."""

    id: str
    slug: str
    name: str
    created_at: datetime
    retention_days: int | None = None  # how long conversations are kept after their last turn; None: for ever


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who is asking: made from a key or a session, and nothing else."""

    team: Team
    role: Role
    member: str  # "mem_…", or the key's own id for a key that belongs to no member
    access: Access = Access.WRITE
    assistants: frozenset[str] | None = None  # ids of those that the key may use; None: all of the team
    key: str | None = None  # id of the key that was sent or that opened the session
    session: str | None = None  # id of the session
    person: str | None = None  # id of the person who signed in

    def may_use(self, assistant_id: str) -> bool:
        """Whether the key's scope holds the assistant; what is outside does not exist for it."""
        return self.assistants is None or assistant_id in self.assistants


@dataclass(frozen=True, kw_only=True)
class AdministratorCaller:
    """Who manages the installation's teams: of no team, and so without sight of anything in one."""

    key: str  # id of the administrator's key
    session: str | None = None


@dataclass(frozen=True, kw_only=True)
class Key:
    """A credential of a team. The secret itself is shown once and kept only as SHA-256."""

    id: str
    team_id: str
    name: str
    role: Role
    access: Access
    assistants: tuple[str, ...] | None  # slugs of those that it may use; None: all of the team
    member_id: str | None  # whose key it is; None: a service key, which acts as itself
    prefix: str  # the first characters, so that people can tell keys apart
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    previous_until: datetime | None  # how long the secret before the last rotation still works


@dataclass(frozen=True, kw_only=True)
class AdministratorKey:
    """A credential of the installation: it manages teams and reads nothing in them."""

    id: str
    name: str
    prefix: str
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who signs in; a member of one or more teams."""

    id: str
    email: str | None  # lower case
    name: str
    has_password: bool
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Member:
    """A person's place in a team."""

    id: str
    team_id: str
    name: str
    email: str | None
    role: Role
    person_id: str | None  # None: made by the command line, signs in with links and keys
    managed: bool  # the identity provider gave the role, and takes it away again
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Membership:
    """One of the teams that a person belongs to."""

    member_id: str
    team: Team
    role: Role


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """A link that makes its reader a member, once."""

    id: str
    team_id: str
    role: Role
    email: str | None  # the only address that may accept it; None: whoever holds the link
    invited_by: str
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Session:
    """A browser that is signed in."""

    id: str
    agent: str  # what the browser says that it is
    address: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """Who did what to which thing. Each entry's hash covers the one before it."""

    chain: str  # the team's id, or "installation"
    position: int  # counted from 1, without gaps
    at: datetime
    actor: str  # "member:mem_…", "key:key_…", "administrator:admin_…", "operator"
    operation: str  # the operation id of the route, or the command
    targets: dict[str, str]  # ids and slugs; never text that somebody wrote
    request: str  # the request's id; empty for a command
    previous: str
    hash: str

"""What the operator does from the command line beside the service: keys, members, administrators, the log."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from service.settings import load_settings

_ROLES = click.Choice(["viewer", "editor", "owner"])
_team_option = click.option("--team", "slug", default="example", show_default=True)


@contextmanager
def opened() -> Iterator[Any]:
    """The store of this installation."""
    from service.store import Store

    store = Store(load_settings().records_url)
    try:
        yield store
    finally:
        store.close()


def team_of(store: Any, slug: str) -> Any:
    """The team with this slug, or a message that says what to do."""
    team = store.teams.by_slug(slug)
    if team is None:
        raise click.ClickException(f"There is no team {slug!r}; “doumi team list” shows those that exist.")
    return team


def noted(store: Any, operation: str, team: Any = None, **targets: str) -> None:
    """Leave the command in the audit log: of the team, or of the installation."""
    from service.store.audit import INSTALLATION

    chain = team.id if team else INSTALLATION
    store.audit.append(chain, actor="operator", operation=operation, targets=targets)


@click.group()
def team() -> None:
    """Teams of this installation."""


@team.command("create")
@click.argument("slug")
@click.option("--name", help="What people call the team; the slug when left out.")
def create_team(slug: str, name: str | None) -> None:
    """Make a team with an owner, and print the owner's key; it is shown this once."""
    from service.records import Role
    from service.store.teams import SlugTaken

    with opened() as store:
        try:
            made = store.teams.create(slug=slug, name=name or slug)
        except SlugTaken as error:
            raise click.ClickException(str(error)) from None
        owner = store.members.add(made.id, name="Owner", role=Role.OWNER)
        _, secret = store.keys.create(made.id, name="First owner key", role=Role.OWNER, member_id=owner)
        noted(store, "doumi team create", made, id=made.id)
    click.echo(secret)


@team.command("list")
def list_teams() -> None:
    """The teams of this installation: id, slug, name."""
    from service.store.pages import Window

    with opened() as store:
        found, _ = store.teams.page(Window(limit=10_000, order="asc"))
    for each in found:
        click.echo(f"{each.id}  {each.slug:<20} {each.name}")


@click.group()
def key() -> None:
    """Keys of a team."""


@key.command("create")
@_team_option
@click.option("--role", type=_ROLES, default="viewer", show_default=True)
@click.option("--name", default="command line", show_default=True)
@click.option("--assistant", "assistants", multiple=True, help="The only assistants that it may use (slugs).")
@click.option("--read-only", is_flag=True, help="It asks and reads, and changes nothing of the team.")
@click.option("--days", type=click.IntRange(min=1), help="When it expires.")
def create_key(
    slug: str, role: str, name: str, assistants: tuple[str, ...], read_only: bool, days: int | None
) -> None:
    """Make a key; it is shown this once."""
    from service.records import Access, Role
    from service.store.assistants import AssistantNotFound
    from service.store.engine import now

    with opened() as store:
        team = team_of(store, slug)
        try:
            made, secret = store.keys.create(
                team.id,
                name=name,
                role=Role(role),
                access=Access.READ if read_only else Access.WRITE,
                assistants=assistants or None,
                expires_at=now() + timedelta(days=days) if days else None,
            )
        except AssistantNotFound as error:
            raise click.ClickException(str(error)) from None
        noted(store, "doumi key create", team, id=made.id)
    click.echo(secret)


@key.command("list")
@_team_option
def list_keys(slug: str) -> None:
    """The keys of a team: id, role, state, first characters, name."""
    from service.store.engine import now

    with opened() as store:
        found = store.keys.all(team_of(store, slug).id)
    for each in found:
        late = each.expires_at is not None and each.expires_at <= now()
        state = "revoked" if each.revoked_at else "expired" if late else "active"
        click.echo(f"{each.id}  {each.role:<7} {state:<8} {each.prefix}…  {each.name}")


@key.command("rotate")
@click.argument("key_id")
@_team_option
@click.option("--overlap-hours", type=click.IntRange(0, 720), default=24, show_default=True)
def rotate_key(key_id: str, slug: str, overlap_hours: int) -> None:
    """Print a new secret for a key; the old one works for the overlap."""
    from service.store.keys import KeyNotFound, KeyNotUsable

    with opened() as store:
        team = team_of(store, slug)
        try:
            _, secret = store.keys.rotate(team.id, key_id, overlap=timedelta(hours=overlap_hours))
        except (KeyNotFound, KeyNotUsable) as error:
            raise click.ClickException(str(error)) from None
        noted(store, "doumi key rotate", team, key_id=key_id)
    click.echo(secret)


@key.command("revoke")
@click.argument("key_id")
@_team_option
def revoke_key(key_id: str, slug: str) -> None:
    """Revoke a key; it stops working at the next request."""
    from service.store.keys import KeyNotFound

    with opened() as store:
        team = team_of(store, slug)
        try:
            store.keys.revoke(team.id, key_id)
        except KeyNotFound:
            raise click.ClickException(
                f"The team has no key {key_id!r}; “doumi key list” shows those it has."
            ) from None
        noted(store, "doumi key revoke", team, key_id=key_id)
    click.echo(f"{key_id} is revoked.")


@click.group()
def member() -> None:
    """Members of a team."""


@member.command("list")
@_team_option
def list_members(slug: str) -> None:
    """The members of a team: id, role, address, name."""
    from service.store.pages import Window

    with opened() as store:
        found, _ = store.members.page(team_of(store, slug).id, Window(limit=10_000, order="asc"))
    for each in found:
        click.echo(f"{each.id}  {each.role:<7} {each.email or '-':<30} {each.name}")


@member.command("invite")
@_team_option
@click.option("--role", type=_ROLES, default="viewer", show_default=True)
@click.option("--email", help="The only address that may accept.")
@click.option("--days", type=click.IntRange(1, 30), default=7, show_default=True)
def invite(slug: str, role: str, email: str | None, days: int) -> None:
    """Print a link that makes its reader a member, once."""
    from service.records import Role
    from service.sign_in import AddressUnusable, address_of

    with opened() as store:
        team = team_of(store, slug)
        try:
            address = address_of(email) if email else None
        except AddressUnusable as error:
            raise click.ClickException(str(error)) from None
        invitation, token = store.invitations.create(
            team.id, role=Role(role), email=address, invited_by="operator", lasts=timedelta(days=days)
        )
        noted(store, "doumi member invite", team, id=invitation.id)
    click.echo(f"{load_settings().url}/#join={token}")


@member.command("reset-link")
@click.argument("member_id")
@_team_option
def reset_link(member_id: str, slug: str) -> None:
    """Print a link with which a member sets a new password, once, within a day."""
    from service.store.members import MemberNotFound

    with opened() as store:
        team = team_of(store, slug)
        try:
            found = store.members.get(team.id, member_id)
        except MemberNotFound as error:
            raise click.ClickException(str(error)) from None
        if found.person_id is None:
            raise click.ClickException("This member has no account; “doumi login” signs them in.")
        token = store.sessions.reset_link_token(team.id, member_id, lasts=timedelta(days=1))
        noted(store, "doumi member reset-link", team, member_id=member_id)
    click.echo(f"{load_settings().url}/#reset={token}")


@click.command("admin-key")
@click.option("--name", default="command line", show_default=True)
@click.option("--revoke", "revoked", metavar="KEY_ID", help="Revoke an administrator's key instead.")
@click.option("--list", "listed", is_flag=True, help="List the administrators' keys instead.")
def admin_key(name: str, revoked: str | None, listed: bool) -> None:
    """Make a key of the installation's administrator, who manages teams and reads nothing in them."""
    with opened() as store:
        if listed:
            for each in store.keys.all_administrators():
                state = "revoked" if each.revoked_at else "active"
                click.echo(f"{each.id}  {state:<8} {each.prefix}…  {each.name}")
        elif revoked:
            if not store.keys.revoke_administrators(revoked):
                raise click.ClickException(f"No key {revoked!r}; “doumi admin-key --list” shows them.")
            noted(store, "doumi admin-key --revoke", id=revoked)
            click.echo(f"{revoked} is revoked.")
        else:
            key, secret = store.keys.create_administrators(name=name)
            noted(store, "doumi admin-key", id=key.id)
            click.echo(secret)


@click.group()
def audit() -> None:
    """The audit log."""


@audit.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
def verify(file: Path | None) -> None:
    """Check that nobody changed the log of this installation, or an exported FILE."""
    from service.store.audit import AuditBroken, check

    try:
        if file is not None:
            position, last = check(_entries(file))
            click.echo(f"{position} entries, unbroken. Last hash: {last}")
            return
        with opened() as store:
            for chain in store.audit.chains():
                count = store.audit.verify(chain)
                click.echo(f"{chain}: {count} entries, unbroken. Last hash: {store.audit.head(chain)[1]}")
    except AuditBroken as error:
        raise click.ClickException(str(error)) from None


@audit.command("export")
@_team_option
def export(slug: str) -> None:
    """Print the log of a team as JSON lines."""
    from dataclasses import asdict

    with opened() as store:
        for entry in store.audit.all(team_of(store, slug).id):
            click.echo(json.dumps(asdict(entry), ensure_ascii=False))


def _entries(file: Path) -> Iterator[Any]:
    from service.records import AuditEntry

    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield AuditEntry(**json.loads(line))
            except (ValueError, TypeError):
                raise click.ClickException(f"Line {number} of {file} is no entry of an audit log.") from None

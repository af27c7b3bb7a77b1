"""``forecaster user``: the people who may log in over HTTP."""

from __future__ import annotations

import os
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Column, Table

from orchestration.commands.terminal import err, open_warehouse, out
from orchestration.foreign_text import escape

app = typer.Typer(no_args_is_help=True, help="Let people in, and say what they may do for which client.")

NEW_PASSWORD_VARIABLE = "FORECASTER_NEW_PASSWORD"

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="What the user logs in with.")]


class Role(StrEnum):
    """What a user may be for a client; ``none`` lets it in no longer."""

    VIEWER = "viewer"
    PLANNER = "planner"
    MANAGER = "manager"
    NONE = "none"


ClientOfRole = Annotated[str | None, typer.Option("--client", help="For which client, by its slug.")]


@app.command(epilog="Example: forecaster user add anna@example.com --client acme --role planner")
def add(
    email: Email,
    operator: Annotated[
        bool, typer.Option("--operator", help="Belongs to the installation: everything, for every client.")
    ] = False,
    client: ClientOfRole = None,
    role: Annotated[Role, typer.Option(help="What the user may do for the client.")] = Role.VIEWER,
) -> None:
    """Add a user, whose password is asked for or in FORECASTER_NEW_PASSWORD; never an argument.

    A viewer reads; a planner decides, too, and delivers files; a manager does everything for the client.
    """
    if role is Role.NONE or (client is None and not operator):
        raise typer.BadParameter("name a client with --client and --role, or make the user an --operator")
    _, warehouse = open_warehouse()
    from orchestration.access import users
    from orchestration.access.emails import required
    from orchestration.access.security_events import of_the_terminal

    address = required(email)
    password = new_password()
    origin = of_the_terminal()
    with warehouse.transaction() as connection:
        users.add_user(connection, address, password, origin, is_operator=operator)
        if client is not None:
            users.set_role(connection, address, client, role.value, origin)
    what = "an operator" if operator else f"{role.value} of {client}"
    out.print(f"[green]Added[/] {escape(address)}, {escape(what)}.")


@app.command("list", epilog="Example: forecaster user list --client acme")
def list_(client: ClientOfRole = None) -> None:
    """List the users."""
    _, warehouse = open_warehouse()
    from orchestration.access.users import list_users

    with warehouse.transaction() as connection:
        found = list_users(connection, client)
    table = Table(Column("user", no_wrap=True, overflow="fold"), "may do", "active", "last login")
    for user in found:
        roles = ["operator"] if user.is_operator else []
        roles += [f"{role} of {slug}" for slug, role in user.roles.items()]
        table.add_row(
            *(escape(user.email), ", ".join(roles) or "-"),
            *("yes" if user.is_active else "no", shown_moment(user.last_login_at)),
        )
    if found:
        out.print(table)
    else:
        out.print("There is no user yet: 'forecaster user add you@example.com --operator' adds the first.")


@app.command(epilog="Example: forecaster user show anna@example.com")
def show(email: Email) -> None:
    """Show a user."""
    _, warehouse = open_warehouse()
    from orchestration.access.users import get_user

    with warehouse.transaction() as connection:
        user = get_user(connection, email)
    table = Table(show_header=False, box=None)
    for name, value in (
        ("user", user.email),
        ("id", str(user.user_id)),
        ("operator", "yes" if user.is_operator else "no"),
        ("active", "yes" if user.is_active else "no"),
        ("password", "set" if user.has_password else "none: cannot log in"),
        ("last login", shown_moment(user.last_login_at)),
        ("added", shown_moment(user.created_at)),
        *((f"for {client}", role) for client, role in user.roles.items()),
    ):
        table.add_row(f"[bold]{name}[/]", escape(value))
    out.print(table)


@app.command(epilog="Example: forecaster user disable anna@example.com")
def disable(email: Email) -> None:
    """Let a user in no longer, from this moment on; what the user did stays."""
    _set_active(email, False)


@app.command(epilog="Example: forecaster user enable anna@example.com")
def enable(email: Email) -> None:
    """Let a disabled user in again, by a new login."""
    _set_active(email, True)


@app.command(
    epilog=f"Example: forecaster user password anna@example.com   (or with {NEW_PASSWORD_VARIABLE} set)"
)
def password(email: Email) -> None:
    """Set a user's password; asked for, never an argument. Whoever is logged in has to log in again."""
    _, warehouse = open_warehouse()
    from orchestration.access.security_events import of_the_terminal
    from orchestration.access.users import get_user, set_password

    with warehouse.transaction() as connection:
        user = get_user(connection, email)
    secret = new_password()
    with warehouse.transaction() as connection:
        set_password(connection, user.email, secret, of_the_terminal())
    out.print(f"[green]Set[/] the password of {escape(user.email)}.")


@app.command(epilog="Example: forecaster user role anna@example.com --client acme --role manager")
def role(
    email: Email,
    client: ClientOfRole = None,
    role: Annotated[Role | None, typer.Option(help="What the user may do for the client.")] = None,
    operator: Annotated[
        bool | None, typer.Option("--operator/--no-operator", help="Whether it belongs to the installation.")
    ] = None,
) -> None:
    """Say what a user may do for a client, from the next request on."""
    if (client is None) != (role is None) or (client is None and operator is None):
        raise typer.BadParameter("name a client and a role with --client and --role, or --operator")
    _, warehouse = open_warehouse()
    from orchestration.access import users
    from orchestration.access.security_events import of_the_terminal

    origin = of_the_terminal()
    changed = False
    with warehouse.transaction() as connection:
        user = users.get_user(connection, email)
        if operator is not None:
            changed |= users.set_operator(connection, user.email, operator, origin)
        if client is not None and role is not None:
            wanted = None if role is Role.NONE else role.value
            changed |= users.set_role(connection, user.email, client, wanted, origin)
    word = "[green]Changed[/] what" if changed else "Nothing to change in what"
    out.print(f"{word} {escape(user.email)} may do.")


def new_password() -> str:
    """From the environment, else asked for."""
    secret = os.environ.get(NEW_PASSWORD_VARIABLE)
    if secret is None:
        asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return asked
    return secret


def shown_moment(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _set_active(email: str, is_active: bool) -> None:
    _, warehouse = open_warehouse()
    from orchestration.access.security_events import of_the_terminal
    from orchestration.access.users import set_active

    with warehouse.transaction() as connection:
        changed = set_active(connection, email, is_active, of_the_terminal())
    state = "active" if is_active else "disabled"
    if changed:
        out.print(f"[green]Changed:[/] {escape(email)} is {state}.")
    else:
        err.print(f"{escape(email)} was {state} before.")

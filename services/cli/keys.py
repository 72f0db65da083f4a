"""`lookalike keys`: manage API keys, and read the audit log."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import typer

from db.models import Role
from db.rows.access import keys
from db.rows.access.audit import newest_entries
from services.cli.terminal.audited import audited
from services.cli.terminal.console import console, output, print_json, print_table
from services.cli.terminal.resources import database_location, open_resources
from services.errors import BadInput, ResourceNotFound

keys_app = typer.Typer(
    help="Manage API keys. Once a key exists, every request needs one.",
    no_args_is_help=True,
)

_DEFAULT_PORTS = {"https": 443, "http": 80}
_ORIGIN = "Use scheme and host, with the port if it is not the usual one: https://shop.example"


@keys_app.command("create")
def create(
    role: Annotated[Role, typer.Option(help="What the key allows: `read`, `write` or `admin`.")],
    name: Annotated[str, typer.Option(help="Note for yourself: who uses the key.")] = "",
    origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Only pages of this origin (`https://shop.example`) may use the key; can be repeated. For a key that "
            "visitors of a page can read, so its role must be `read`."
        ),
    ] = None,
) -> None:
    """Create an API key and print it.

    The key is shown only once, because the database stores only its hash.
    """
    origins = [checked_origin(one) for one in origin or ()]
    if origins and role is not Role.READ:
        raise BadInput(f"--role {role}: everybody who sees the page can read the key. Use --role read with --origin.")
    with open_resources(create=True) as resources:
        with audited(resources.database) as command, resources.database.write() as session:
            key = keys.create_key(session, name, role, origins=origins)
            command.resource = f"key {key.split('_')[1]}"
        console.print(f"New API key for the database at {database_location(resources)}")
    console.print("Copy it now: it cannot be shown again.")
    output.print(key)


def checked_origin(text: str) -> str:
    """Return an origin as browsers send it.

    Raises:
        BadInput: it is no origin.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadInput(f"--origin {text}: {error}. {_ORIGIN}") from error
    bare = not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in _DEFAULT_PORTS or not host or "*" in host or not bare:
        raise BadInput(f"--origin {text}: this is not an origin. {_ORIGIN}")
    try:
        host = f"[{host}]" if ":" in host else host.encode("idna").decode()
    except UnicodeError as error:
        raise BadInput(f"--origin {text}: {error}. {_ORIGIN}") from error
    shown_port = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{shown_port}"


@keys_app.command("list")
def list_keys(json: Annotated[bool, typer.Option("--json", help="Print the keys as JSON.")] = False) -> None:
    """List the API keys."""
    with open_resources() as resources:
        with resources.database.read() as session:
            known = keys.all_keys(session)
        console.print(f"API keys of the database at {database_location(resources)}")
    if json:
        print_json(known)
        return
    rows = [
        (
            key.key_id,
            key.name,
            key.role,
            ", ".join(key.origins),
            f"{key.created_at:%Y-%m-%d %H:%M}",
            f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "",
        )
        for key in known
    ]
    print_table("API keys", ["id", "name", "role", "origins", "created", "revoked"], rows)


@keys_app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="Key id from `lookalike keys list`.")]) -> None:
    """Revoke an API key; running servers refuse it within two seconds."""
    with (
        open_resources() as resources,
        audited(resources.database) as command,
        resources.database.write() as session,
    ):
        command.resource = f"key {key_id}"
        if not keys.revoke_key(session, key_id):
            raise ResourceNotFound("active API key", key_id, remedy="`lookalike keys list` shows the keys.")
    output.print(f"Revoked API key {key_id}.")


@keys_app.command("rotate")
def rotate() -> None:
    """Refuse every query token, cursor and signed photo URL that was issued so far; running servers do within a minute.

    Their secret is replaced every 30 days anyway, without refusing any. Use this when the database has leaked.
    """
    with open_resources() as resources, audited(resources.database) as command:
        command.resource = "signing keys"
        resources.signer.replace_keys()
        console.print(f"New signing key for the database at {database_location(resources)}")


@keys_app.command("audit")
def audit(
    limit: Annotated[int, typer.Option(help="Number of entries, newest first.", min=1, max=10_000)] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print the entries as JSON.")] = False,
) -> None:
    """List calls and commands that changed something, calls under /v1/admin, and refused calls, newest first."""
    with open_resources() as resources, resources.database.read() as session:
        entries = newest_entries(session, limit=limit)
    if json:
        print_json([entry.model_dump() for entry in entries])
        return
    rows = [
        (
            f"{one.at:%Y-%m-%d %H:%M:%S}",
            one.key_id or "no key",
            one.caller or "",
            "" if one.status is None else one.status,
            f"{one.method} {one.path}"
            + (f" made {one.resource}" if one.resource else "")
            + (f" ({one.calls} calls)" if one.calls > 1 else ""),
        )
        for one in entries
    ]
    print_table("Audit log", ["time", "key", "caller", "status", "call or command"], rows)

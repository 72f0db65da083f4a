"""`lookalike keys`: manage API keys, and read the audit log."""

from __future__ import annotations

from typing import Annotated

import typer

from db.models import Role
from db.rows import keys
from services.cli.terminal.console import console, output, print_json, print_table
from services.cli.terminal.resources import database_location, open_resources
from services.errors import ResourceNotFound

keys_app = typer.Typer(
    help="Manage API keys. Once a key exists, every request needs one.",
    no_args_is_help=True,
)


@keys_app.command("create")
def create(
    role: Annotated[Role, typer.Option(help="What the key allows: `read`, `write` or `admin`.")],
    name: Annotated[str, typer.Option(help="Note for yourself: who uses the key.")] = "",
) -> None:
    """Create an API key and print it.

    The key is shown only once, because the database stores only its hash.
    """
    with open_resources(create=True) as resources:
        with resources.database.write() as session:
            key = keys.create_key(session, name, role)
        console.print(f"New API key for the database at {database_location(resources)}", soft_wrap=True)
    console.print("Copy it now: it cannot be shown again.")
    output.print(key, soft_wrap=True)


@keys_app.command("list")
def list_keys(json: Annotated[bool, typer.Option("--json", help="Print the keys as JSON.")] = False) -> None:
    """List the API keys."""
    with open_resources() as resources:
        with resources.database.read() as session:
            known = keys.all_keys(session)
        console.print(f"API keys of the database at {database_location(resources)}", soft_wrap=True)
    if json:
        print_json(known)
        return
    rows = [
        (
            key.key_id,
            key.name,
            key.role,
            f"{key.created_at:%Y-%m-%d %H:%M}",
            f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "",
        )
        for key in known
    ]
    print_table("API keys", ["id", "name", "role", "created", "revoked"], rows)


@keys_app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="Key id from `lookalike keys list`.")]) -> None:
    """Revoke an API key; running servers refuse it within two seconds."""
    with open_resources() as resources, resources.database.write() as session:
        if not keys.revoke_key(session, key_id):
            raise ResourceNotFound("active API key", key_id, remedy="`lookalike keys list` shows the keys.")
    output.print(f"Revoked API key {key_id}.")


@keys_app.command("audit")
def audit(
    limit: Annotated[int, typer.Option(help="Number of entries, newest first.", min=1, max=10_000)] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print the entries as JSON.")] = False,
) -> None:
    """List the requests that changed something, and all under /v1/admin: time, key, request and status."""
    with open_resources() as resources, resources.database.read() as session:
        entries = [entry.model_dump() for entry in keys.newest_audit_entries(session, limit=limit)]
    if json:
        print_json(entries)
        return
    rows = [
        (f"{one['at']:%Y-%m-%d %H:%M:%S}", one["key_id"] or "no key", one["method"], one["path"], one["status"] or "")
        for one in entries
    ]
    print_table("Audit log", ["time", "key", "method", "path", "status"], rows)

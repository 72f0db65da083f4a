"""`lookalike keys`: who may call the API, and what was changed by whom."""

from __future__ import annotations

from typing import Annotated

import typer

from db.models import Role
from db.rows import keys
from services.cli.terminal.console import console, output, print_json, print_table
from services.cli.terminal.opening import open_resources, place_of_database
from services.errors import ResourceNotFound

keys_app = typer.Typer(help="API keys. Once there is one, every call takes one.", no_args_is_help=True)


@keys_app.command("create")
def create(
    role: Annotated[Role, typer.Option(help="What its holder may do.")],
    name: Annotated[str, typer.Option(help="Whose it is, for you to know.")] = "",
) -> None:
    """Create a key and print it. It cannot be read again: only a hash of it is kept."""
    with open_resources(creating=True) as resources:
        with resources.database.write() as session:
            key = keys.create_key(session, name, role)
        console.print(f"A key for the database at {place_of_database(resources)}", soft_wrap=True)
    console.print("Keep it safe; it is shown only now.")
    output.print(key, soft_wrap=True)


@keys_app.command("list")
def list_keys(json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False) -> None:
    """List the keys."""
    with open_resources() as resources:
        with resources.database.read() as session:
            known = keys.all_keys(session)
        console.print(f"Of the database at {place_of_database(resources)}", soft_wrap=True)
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
    print_table("Keys", ["id", "name", "role", "created", "revoked"], rows)


@keys_app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="Of `lookalike keys list`.")]) -> None:
    """Make a key worthless, within two seconds."""
    with open_resources() as resources, resources.database.write() as session:
        if not keys.revoke_key(session, key_id):
            raise ResourceNotFound("key that can be revoked", key_id, remedy="`lookalike keys list` shows them.")
    output.print(f"Key {key_id} is revoked.")


@keys_app.command("audit")
def audit(
    limit: Annotated[int, typer.Option(help="How many entries, the newest.", min=1, max=10_000)] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List calls that changed something: when, which key, what, and how it was answered."""
    with open_resources() as resources, resources.database.read() as session:
        entries = [entry.model_dump() for entry in keys.newest_audit_entries(session, limit=limit)]
    if json:
        print_json(entries)
        return
    rows = [
        (f"{one['at']:%Y-%m-%d %H:%M:%S}", one["key_id"] or "no key", one["method"], one["path"], one["status"] or "")
        for one in entries
    ]
    print_table("Audit log", ["at", "key", "method", "path", "answer"], rows)

"""`lookalike duplicates`: listings with photos in common."""

from __future__ import annotations

from typing import Annotated

import typer

from db.rows import duplicates as stored
from db.rows.duplicate_groups import Group, GroupState, groups
from services.cli.terminal.console import console, output, print_json, print_table, stage_bars
from services.cli.terminal.opening import open_resources
from services.indexing.duplicates import DuplicateFinder
from services.resources import Resources

_SHOWN = 50


def duplicates(
    find: Annotated[bool, typer.Option("--find", help="First look for the copies of photos that are due.")] = False,
    state: Annotated[GroupState, typer.Option(help="Which groups.")] = GroupState.OPEN,
    json: Annotated[bool, typer.Option("--json", help="Print all of them as JSON.")] = False,
) -> None:
    """List groups of listings with photos in common, the largest first."""
    with open_resources() as resources:
        if find:
            _find(resources)
        with resources.database.read() as session:
            found = groups(stored.links(session), state)
    if json:
        print_json(found)
    else:
        _show(found, state)


def _find(resources: Resources) -> None:
    finder = DuplicateFinder(resources.database, resources.live, resources.photo_files, limits=resources.photo_limits)
    with stage_bars() as progress:
        found = finder.find(lambda so_far: progress("compare photos", so_far.photos, None))
    console.print(f"{found.photos} photos were compared with those nearest to them; {found.pairs} pairs were found.")


def _show(found: list[Group], state: GroupState) -> None:
    rows = [
        (
            len(group.listing_ids),
            ", ".join(group.listing_ids),
            ", ".join(sorted({link.verdict for link in group.links})),
            sum(link.decision is None for link in group.links),
        )
        for group in found[:_SHOWN]
    ]
    print_table(f"Groups, {state}", ["listings", "ids", "by photos that are", "undecided"], rows)
    if len(found) > _SHOWN:
        output.print(f"and {len(found) - _SHOWN} more: --json")

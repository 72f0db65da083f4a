"""`lookalike duplicates`: list listings that share photos."""

from __future__ import annotations

from typing import Annotated

import typer

from db.rows import duplicates as stored_duplicates
from db.rows import generations
from db.rows.review_groups import GroupState, ReviewGroup, review_groups
from services.cli.terminal.console import console, output, print_json, print_table, stage_bars
from services.cli.terminal.resources import open_resources
from services.indexing.duplicate_finder import DuplicateFinder
from services.ingest.cleaning.text import counted
from services.resources import Resources

_SHOWN = 50


def duplicates(
    find: Annotated[bool, typer.Option("--find", help="First compare the photos that were not compared yet.")] = False,
    state: Annotated[GroupState, typer.Option(help="Review state of the groups to list.")] = GroupState.OPEN,
    json: Annotated[bool, typer.Option("--json", help="Print all groups as JSON.")] = False,
) -> None:
    """List groups of listings that share photos, the largest first."""
    with open_resources(needs_model=find) as resources:
        if find:
            _find(resources)
        with resources.database.read() as session:
            found = review_groups(stored_duplicates.reviewable_links(session), state)
            live = generations.live_generation(session)
            version = "" if live is None else live.model_version
            waiting = stored_duplicates.unsearched_count(session, model_version=version)
    if waiting:
        console.print(
            f"{counted(waiting, 'photo')} not compared with others yet. To compare: lookalike duplicates --find"
        )
    if json:
        print_json(found)
    elif found:
        _print(found, state)
    else:
        console.print(f"No groups are {state}.")


def _find(resources: Resources) -> None:
    finder = DuplicateFinder(resources.database, resources.live, resources.photo_files, limits=resources.photo_limits)
    with stage_bars() as progress:
        found = finder.find(lambda so_far: progress("compare photos", so_far.photos, None))
    with resources.database.read() as session:
        pairs = len(stored_duplicates.links(session))
    console.print(
        f"Compared {counted(found.photos, 'photo')} with their nearest neighbours: "
        f"there are copies in {counted(pairs, 'pair')} of listings."
    )


def _print(found: list[ReviewGroup], state: GroupState) -> None:
    rows = [
        (
            len(group.listing_ids),
            ", ".join(group.listing_ids),
            ", ".join(sorted({link.verdict for link in group.links})),
            sum(link.decision is None for link in group.links),
        )
        for group in found[:_SHOWN]
    ]
    print_table(f"Groups, {state}", ["listings", "ids", "photos are", "undecided pairs"], rows)
    if len(found) > _SHOWN:
        output.print(f"{counted(len(found) - _SHOWN, 'more group')}; --json prints all groups.")

"""`lookalike listings`: delete listings by filter."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec.structs import replace

from services.cli.terminal.audited import audited
from services.cli.terminal.console import console, output, print_json
from services.cli.terminal.resources import open_resources
from services.ingest.cleaning.text import counted
from services.ingest.pipeline.deletions import delete_by_filter
from services.wire import ListingDeletion, ListingsDeleted

listings_app = typer.Typer(help="Manage the listings of the catalogue.", no_args_is_help=True)

_SHOWN = 10
_Texts = list[str] | None


@listings_app.command("delete")
def delete(
    listing: Annotated[_Texts, typer.Option(help="Only this listing id; can be repeated.")] = None,
    category: Annotated[_Texts, typer.Option(help="Only this category; can be repeated.")] = None,
    category_path: Annotated[str | None, typer.Option(help="Only below this path: 'Home & Garden / Lamps'.")] = None,
    seller: Annotated[_Texts, typer.Option(help="Only this seller; can be repeated.")] = None,
    currency: Annotated[str | None, typer.Option(help="Only prices in this currency, such as GBP.")] = None,
    price_min: Annotated[float | None, typer.Option(help="Lowest price.")] = None,
    price_max: Annotated[float | None, typer.Option(help="Highest price.")] = None,
    listed_since: Annotated[str | None, typer.Option(help="Only listed on this date (UTC) or later.")] = None,
    listed_before: Annotated[str | None, typer.Option(help="Only listed before this date (UTC).")] = None,
    sold: Annotated[bool | None, typer.Option("--sold/--not-sold", help="Only sold listings, or only others.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the listings.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the count and the first ids as JSON.")] = False,
) -> None:
    """Delete the listings that pass all conditions, with their photos. It shows their number and asks first."""
    conditions = ListingDeletion(
        listing_id=listing or [],
        category=category or [],
        category_path=category_path,
        seller=seller or [],
        currency=currency,
        price_min=price_min,
        price_max=price_max,
        listed_since=listed_since,
        listed_before=listed_before,
        sold=sold,
        dry_run=True,
    )
    found = _delete(conditions, only_count=dry_run, ask=not yes, quiet=json)
    if json:
        print_json(found)
    elif not found.dry_run:
        output.print(f"Deleted {counted(found.count, 'listing')}.")


def _delete(conditions: ListingDeletion, *, only_count: bool, ask: bool, quiet: bool) -> ListingsDeleted:
    with open_resources() as resources:
        found = delete_by_filter(resources.database, conditions)
        if not quiet:
            _print_found(found)
        if only_count or not found.count:
            return found
        if ask:
            typer.confirm(f"Delete {counted(found.count, 'listing')} with photos?", abort=True, err=True)
        with audited(resources.database):
            deleted = delete_by_filter(resources.database, replace(conditions, dry_run=False, expected=found.count))
        resources.live.refresh()
        resources.live.persist()
        return deleted


def _print_found(found: ListingsDeleted) -> None:
    ids = ", ".join(found.listing_ids[:_SHOWN]) + (", ..." if found.count > _SHOWN else "")
    console.print(
        f"The conditions select {counted(found.count, 'listing')}{': ' if ids else '.'}{ids}",
    )

"""Prints commands to try on the demo."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from db.rows import photos
from db.rows.access import keys
from services.cli.terminal.console import output
from services.errors import Conflict

if TYPE_CHECKING:
    from services.cli.terminal.listening import ListenAddress
    from services.resources import Resources


def print_examples(resources: Resources, address: ListenAddress, *, is_served: bool, training: str) -> None:
    """Print commands to try.

    Args:
        resources: opened for the demo's data directory, with photos.
        address: where the server listens.
        is_served: whether this process serves.
        training: the command that fine-tunes the demo's model.

    Raises:
        Conflict: all photos were removed.
    """
    with resources.database.read() as session:
        needs_key = keys.any_key(session)
    photo, listing_id = _example(resources)
    url, serving = address.url, shlex.join(["serve", *address.options])
    curl = "curl -s -H 'Authorization: Bearer KEY'" if needs_key else "curl -s"
    image = shlex.quote(f"image=@{photo}")
    if is_served:
        output.print(f"\nSearch page: {url}", style="bold")
    else:
        output.print(f"\nTo serve the search page at {url}: {command_on(resources)} {serving}", style="bold")
    output.print("\nOr try these commands in another terminal:" if is_served else "\nThen try these:", style="bold")
    for title, command in (
        ("What looks like this photo?", f"{curl} -F {image} -F k=3 {url}/v1/search"),
        ("Which category is it?", f"{curl} -F {image} {url}/v1/classify"),
        ("More like this listing, under 50 pounds", f"{curl} '{url}/v1/listings/{listing_id}/similar?price_max=50'"),
        ("Fine-tune the model on these listings; a running server goes on", training),
    ):
        output.print(f"  {title}\n    {command}")
    output.print(f"API documentation: {url}/docs")
    if needs_key:
        output.print(f"Replace KEY by an API key. To create one: {command_on(resources)} keys create --role read")


def this_program() -> str:
    """Return the words of a shell that run `lookalike` as this process was started."""
    if Path(sys.argv[0]).name == "__main__.py":
        return shlex.join([sys.executable, "-m", "services.cli"])
    return shlex.quote(sys.argv[0])


def command_on(resources: Resources) -> str:
    """Return the shell command that runs `lookalike` on the data directory of these resources."""
    return f"LOOKALIKE_DATA_DIR={shlex.quote(str(resources.settings.data_dir))} {this_program()}"


def _example(resources: Resources) -> tuple[Path, str]:
    """Return the file of a catalogue photo, and the id of its listing.

    Raises:
        Conflict: all photos were removed.
    """
    folder = resources.settings.data_dir / "catalogue" / "photos"
    with resources.database.read() as session:
        for one in photos.labelled_photos(session):
            (row,) = photos.photos_by_id(session, [one.photo_id])
            if (file := folder / row.source).is_file():
                return file, one.listing_id
    raise Conflict(
        f"The demo's photos are missing from {folder}. Delete {folder.parent.parent} and run the demo again."
    )

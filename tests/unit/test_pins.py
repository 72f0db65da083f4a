"""Every package that an installation brings is pinned, with hashes; the client brings few."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PIN = re.compile(
    r"^(?P<name>[a-z0-9.-]+)==(?P<version>[^ ]+)(?: ;.*?)? \\(?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)+$",
    re.M,
)


def _pins(*files: str) -> dict[str, str]:
    return {pin["name"]: pin["version"] for name in files for pin in PIN.finditer((ROOT / name).read_text())}


def _closure(extras: set[str]) -> set[str]:
    """Return the canonical names of the packages that Lookalike with these extras needs on this machine."""
    found: set[tuple[str, str]] = set()
    open_ = [("lookalike", extra) for extra in extras | {""}]
    while open_:
        name, extra = open_.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for text in metadata.requires(name) or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                open_ += [(canonicalize_name(needed.name), each) for each in {"", *needed.extras}]
    return {name for name, _ in found} - {"lookalike"}


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-train.txt", "constraints-dev.txt"])
def test_each_line_of_the_pins_belongs_to_a_version_with_hashes(name: str) -> None:
    text = re.sub(r"^#.*\n", "", (ROOT / name).read_text(), flags=re.M)
    assert PIN.sub("", text).strip() == ""


def test_each_package_that_serving_needs_is_pinned_in_constraints() -> None:
    pins = _pins("constraints.txt")
    assert {name: metadata.version(name) for name in _closure({"server"})}.items() <= pins.items()


def test_each_package_that_development_needs_is_pinned_once() -> None:
    files = ("constraints.txt", "constraints-train.txt", "constraints-dev.txt")
    pins = _pins(*files)
    assert {name: metadata.version(name) for name in _closure({"dev"})}.items() <= pins.items()
    assert len(pins) == sum(len(_pins(name)) for name in files)


def test_the_client_needs_none_of_the_servers_packages() -> None:
    owners = metadata.packages_distributions()
    allowed = _closure(set()) | {"lookalike"}
    others = [name for name, owned_by in owners.items() if not allowed & {canonicalize_name(each) for each in owned_by}]
    without = (
        "import sys; sys.modules.update(dict.fromkeys(sys.argv[1:])); import services.client"  # None: not importable
    )
    subprocess.run([sys.executable, "-c", without, *others], cwd=ROOT, check=True)

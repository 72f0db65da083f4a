"""The kinds of items in the sample catalogue, each with its drawing code.

Only `ml.sample` imports these modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.sample.items import family, home, leisure, personal, work

if TYPE_CHECKING:
    from ml.sample.kinds import Kind

KINDS: tuple[Kind, ...] = (*home.KINDS, *work.KINDS, *leisure.KINDS, *personal.KINDS, *family.KINDS)

"""Adds the group of listings that reviews call the same item.

Revision: 0014
Follows: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

MAX_GROUP = 100


def upgrade() -> None:
    op.add_column("listing", sa.Column("copy_group", sa.String(length=200), nullable=True))
    where = sa.text("copy_group IS NOT NULL")
    op.create_index("ix_listing_copy_group", "listing", ["copy_group"], sqlite_where=where, postgresql_where=where)
    for members in groups():
        op.execute(
            sa.text("UPDATE listing SET copy_group = :name WHERE id IN :ids").bindparams(
                sa.bindparam("ids", sorted(members), expanding=True), name=min(members)
            )
        )


def downgrade() -> None:
    op.drop_index("ix_listing_copy_group", "listing")
    op.drop_column("listing", "copy_group")


def groups() -> list[set[str]]:
    """Return the groups that the accepted reviews make, the oldest review first.

    A review is left out if it contradicts a rejected one, or makes too large a group.
    """
    query = "SELECT listing_id, other_listing_id, decision FROM duplicate_review ORDER BY decided_at, listing_id"
    reviews = op.get_bind().execute(sa.text(query)).all()
    different = [{one, other} for one, other, decision in reviews if decision == "reject"]
    group_of: dict[str, set[str]] = {}
    for one, other, decision in reviews:
        joined = group_of.get(one, {one}) | group_of.get(other, {other})
        if decision == "accept" and len(joined) <= MAX_GROUP and not any(pair <= joined for pair in different):
            group_of |= dict.fromkeys(joined, joined)
    return list({min(group): group for group in group_of.values()}.values())

"""Who counts: the places of an address on a day, and of each impression whether its reader has one.

What was shown before counts as it did: once the cookie had come back. That writes most rows of `impressions` anew,
which takes minutes where there are many millions. A trial that is under way begins anew, since nobody knows of its
readers which network they came from.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "places",
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("visitor_id", sa.String(length=32), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["visitor_id"], ["visitors.id"], name=op.f("fk_places_visitor_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("address", "place", name=op.f("pk_places")),
    )
    op.create_index("ix_places_visitor_id", "places", ["visitor_id"])
    op.add_column("poems", sa.Column("network", sa.String(length=8), nullable=True))
    op.add_column("impressions", sa.Column("counted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE impressions SET counted = true WHERE visitor_id IN (SELECT id FROM visitors WHERE returned IS NOT NULL)"
    )


def downgrade() -> None:
    op.drop_column("impressions", "counted")
    op.drop_column("poems", "network")
    op.drop_index("ix_places_visitor_id", "places")
    op.drop_table("places")

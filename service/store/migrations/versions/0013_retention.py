"""How long a team keeps its conversations."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("teams", sa.Column("retention_days", sa.Integer(), nullable=True))

"""Knowledge bases that stay when the assistants that read them go."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """All that there are were made with an assistant.

    Added in place, and the default stays: on SQLite anything else makes the table anew, and dropping the old
    one takes along the links that refer to it.
    """
    op.add_column("knowledge_bases", sa.Column("own", sa.Boolean(), nullable=False, server_default=sa.true()))

"""What every table shares: the schema's one MetaData, and the columns that most tables have."""

from datetime import datetime

from sqlalchemy import Column, DateTime, ForeignKey, MetaData, String

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def id_column() -> Column[str]:
    """The id of a row."""
    return Column("id", String(40), primary_key=True)


def team_column() -> Column[str]:
    """The team that a row belongs to."""
    return Column("team_id", String(40), ForeignKey("teams.id", ondelete="CASCADE"), nullable=False)


def time_column(name: str, *, nullable: bool = False) -> Column[datetime]:
    """A moment, with its zone."""
    return Column(name, DateTime(timezone=True), nullable=nullable)

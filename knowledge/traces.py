"""What removed text leaves behind in the files of a base, and the end of it."""

from knowledge import catalogue
from knowledge.database import Database
from knowledge.index import Index


def tidy(database: Database, index: Index) -> None:
    """Erase what is due and write the cache; between uploads, or it would be done again and again."""
    with database.reading() as connection:
        (erasing,) = connection.execute("SELECT erasing FROM state").fetchone()
        idle = catalogue.is_idle(connection)
    if idle and erasing:
        erase(database, index)
    elif idle:
        index.save(however_large=False)


def erase(database: Database, index: Index) -> None:
    """Leave no trace of removed text or vectors in any file."""
    index.drop_cache()
    database.erase_traces()
    with database.writing() as connection:
        connection.execute("UPDATE state SET erasing = 0")
    index.save(however_large=False)

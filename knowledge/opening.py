"""What opening a base sees to: the embedder that it is served with, and terms as this version tells them."""

import sqlite3
from dataclasses import dataclass, replace

from knowledge import catalogue, familiarity, lexical, postings, rebuild, rows
from knowledge.database import Database
from knowledge.embeddings import Embedder
from knowledge.recipe import EMBEDDER_ERRORS, BaseSettings, Embedders, Recipe


@dataclass(frozen=True, kw_only=True)
class Serving:
    """How a base is served from its opening on."""

    embedder: Embedder
    error: str | None  # why it is not on its way to what its settings ask for


def follow_recipe(database: Database, settings: BaseSettings, embedders: Embedders) -> Serving:
    """The embedder that the base is served with. It is on its way to another one where that is wanted.

    When the embedder of its vectors cannot be opened any more the vectors are forgotten: until they are
    made anew a document is found by its words.
    """
    with database.writing() as connection:
        state = connection.execute("SELECT recipe, fingerprint FROM state").fetchone()
        served = (
            Recipe.read(state["recipe"])
            if state["recipe"]
            else _first_recipe(state["fingerprint"], embedders)
        )
        serving, error = _opened(served, embedders), None
        try:
            wanted = Recipe.of(settings, embedders)
        except EMBEDDER_ERRORS as failure:
            if serving is None:
                raise
            wanted, error = served, str(failure)
        if serving is None:
            serving = embedders.get(wanted.embedder)
            if state["fingerprint"] != wanted.fingerprint:
                _forget_vectors(connection, wanted.fingerprint)
        connection.execute("UPDATE state SET recipe = ?", (served.text(),))
        if state["recipe"] is None:
            connection.execute("UPDATE state SET fingerprint = ?", (served.fingerprint,))
        rebuild.aim(connection, wanted)
    return Serving(embedder=serving, error=error)


def follow_terms(database: Database, embedder: Embedder) -> None:
    """Make postings and kinds again when this version of Doumi tells terms or texts apart otherwise."""
    with database.writing() as connection:
        (version,) = connection.execute("SELECT terms_version FROM state").fetchone()
        if version == lexical.TERMS_VERSION:
            return
        postings.clear(connection)
        for row in connection.execute(f"{rows.DOCUMENT} WHERE chunks > 0").fetchall():
            postings.add(connection, row["first_chunk"], catalogue.served_terms(connection, row))
            kinds = familiarity.kinds(embedder, catalogue.served_texts(connection, row))
            connection.executemany(
                "UPDATE vectors SET kind = ? WHERE chunk = ?",
                zip(
                    kinds.tolist(),
                    range(row["first_chunk"], row["first_chunk"] + row["chunks"]),
                    strict=True,
                ),
            )
        connection.execute("UPDATE state SET terms_version = ?", (lexical.TERMS_VERSION,))


def _first_recipe(fingerprint: str, embedders: Embedders) -> Recipe:
    """Of a new base, or of one that was made before recipes were kept."""
    recipe = Recipe.of(BaseSettings(), embedders)
    return replace(recipe, fingerprint=fingerprint) if fingerprint else recipe


def _opened(recipe: Recipe, embedders: Embedders) -> Embedder | None:
    """The embedder of a recipe, if there is one of that name that is still the same."""
    try:
        embedder = embedders.get(recipe.embedder)
    except EMBEDDER_ERRORS:
        return None
    return embedder if embedder.fingerprint == recipe.fingerprint else None


def _forget_vectors(connection: sqlite3.Connection, fingerprint: str) -> None:
    for table in ("vectors", "staged_chunks"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608
    connection.execute("UPDATE documents SET chunks_staged = 0")
    connection.execute("UPDATE state SET fingerprint = ?, generation = generation + 1", (fingerprint,))
    familiarity.forget(connection)

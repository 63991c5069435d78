"""The folders of the server's own disk, for a person who chooses what to scan."""

from __future__ import annotations

import os
import string
import sys
from pathlib import Path
from typing import Any

from zhanr.app.problems import Problem
from zhanr.app.settings import Settings
from zhanr.files import read_failure
from zhanr.scan.walk import is_audio_path

MOST = 2000  # folders that are listed
_MOUNTS = ("/media", "/mnt", "/run/media", "/Volumes")


def may_browse(settings: Settings) -> bool:
    """Whether pages may look at folders: from this computer alone, or below those that the server was started with."""
    return settings.is_local or bool(settings.server_paths)


def list_folder(path: str, settings: Settings) -> dict[str, Any]:
    """What is in a folder: its folders, and how many songs; with the way up, and places to begin. Raises `Problem`.

    Without a path it is the person's music folder, or home.
    """
    folder = permitted_folder(path, settings) if path else _first(settings)
    folders, n_songs = _contents(folder)
    parent = folder.parent
    return {
        "path": _text(folder),
        "parent": _text(parent) if parent != folder and _is_permitted(parent, settings) else None,
        "folders": [{"name": _text(Path(f.name)), "path": _text(f)} for f in folders[:MOST]],
        "more": max(0, len(folders) - MOST),
        "songs": n_songs,
        "places": [{"name": name, "path": _text(place)} for name, place in _places(settings)],
    }


def permitted_folder(path: str, settings: Settings) -> Path:
    """The folder of that path, links followed, if pages may scan it. Raises `Problem`."""
    if not may_browse(settings):
        raise Problem(403, "this server scans no folders for its pages; start it with --allow-path FOLDER", kind="path")
    try:
        folder = Path(path).expanduser().resolve(strict=True)
        is_folder = folder.is_dir()
    except (OSError, ValueError, RuntimeError):
        is_folder = False
    if not is_folder or not _is_permitted(folder, settings):
        raise Problem(404, "there is no such folder, or it may not be read", kind="path")
    return folder


def _is_permitted(folder: Path, settings: Settings) -> bool:
    if settings.server_paths:
        return any(folder.is_relative_to(root.resolve()) for root in settings.server_paths)
    return settings.is_local


def _first(settings: Settings) -> Path:
    if not may_browse(settings):
        permitted_folder("/", settings)
    places = _places(settings)
    return places[0][1] if places else Path.home()


def _contents(folder: Path) -> tuple[list[Path], int]:
    """The folders in one, in order, and how many songs lie beside them. Hidden ones are left out."""
    folders, n_songs = [], 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if _is_folder(entry):
                    folders.append(folder / entry.name)
                else:
                    n_songs += is_audio_path(entry.path)
    except OSError as error:
        raise Problem(403, f"this folder can't be read: {read_failure(error)}", kind="path") from error
    return sorted(folders, key=lambda path: path.name.casefold()), n_songs


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to nowhere, or a disk that is gone
        return False


def _places(settings: Settings) -> list[tuple[str, Path]]:
    """Where to begin: the music folder, home, other disks; or what the server was started with."""
    if settings.server_paths:
        return [(root.name or str(root), root.resolve()) for root in settings.server_paths]
    home = Path.home()
    places = [("Music", home / "Music"), ("Home", home)]
    if sys.platform == "win32":
        places += [(f"{letter}:", Path(f"{letter}:\\")) for letter in string.ascii_uppercase]
    else:
        places += [(mount.name, mount) for mount in map(Path, _MOUNTS)] + [("/", Path("/"))]
    return [(name, path) for name, path in places if path.is_dir()]


def _text(path: Path) -> str:
    """The path as JSON can hold it, and as `permitted_folder` can read it again if it is Unicode."""
    return os.fspath(path).encode("utf-8", "backslashreplace").decode()

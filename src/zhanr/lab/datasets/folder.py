"""Any tree with one folder per genre; albums and artists may lie in folders of their own below it."""

from __future__ import annotations

from pathlib import Path

from zhanr.errors import DatasetError
from zhanr.lab.datasets.base import Dataset, Track, clean_text, file_problem, unique_names
from zhanr.scan.walk import is_hidden, walk

WRAPPERS = frozenset({"genres", "genres_original", "audio", "data"})
"""Folders that hold the genres rather than being one: GTZAN's two published layouts, and the usual names."""


def read(root: Path, *, strict: bool = True) -> Dataset:
    """List a folder-per-genre tree; `DatasetError` where it holds no audio, or `strict` and no genre folders."""
    problems: list[DatasetError] = []
    files = audio_files(root, problems)
    if not files:
        raise DatasetError(root, _nothing_here(problems))
    top = genre_root(root, files)
    tracks = _tracks(top, files, problems, strict)
    if strict and not tracks and all(file.parent == top for file in files):
        raise DatasetError(root, "the audio files are not in one folder per genre (or use a CSV manifest: file,genre)")
    if strict and not tracks:
        raise DatasetError(root, f"no file in it can be used; for one, {problems[-1]}")
    problems += _empty_genres(top, files)
    return Dataset(top.resolve().name, tuple(tracks), tuple(problems))


def audio_files(root: Path, problems: list[DatasetError] | None = None) -> list[Path]:
    """All audio files below a folder by suffix, sorted; what could not be looked at is added to `problems`."""
    files: list[Path] = []
    for listing in walk([root]):
        files += map(Path, listing.files)
        if problems is not None:
            problems += [DatasetError(path, reason) for path, reason in listing.problems.items()]
    return sorted(files)


def genre_root(root: Path, files: list[Path]) -> Path:
    """The folder whose sub-folders are the genres: `root`, or the one wrapper below it that holds all its audio."""
    tops = {file.relative_to(root).parts[0] for file in files if file.is_relative_to(root)}
    wrapped = [top for top in tops if top.lower() in WRAPPERS and (root / top).is_dir()]
    if len(tops) == 1 and wrapped:
        return genre_root(root / wrapped[0], files)
    return root


def _tracks(top: Path, files: list[Path], problems: list[DatasetError], strict: bool) -> list[Track]:
    kept = []
    for file in files:
        homeless = strict and file.parent == top
        reason = "the file is in no genre folder" if homeless else file_problem(file)
        if reason:
            problems.append(DatasetError(file, reason))
        else:
            kept.append(file)
    stems = [clean_text(file.stem) for file in kept]
    paths = [clean_text(file.relative_to(top).as_posix()) for file in kept]
    genres = ["" if file.parent == top else clean_text(file.relative_to(top).parts[0]) for file in kept]
    names = unique_names(stems, paths)
    return [Track(name, file, genre) for name, file, genre in zip(names, kept, genres, strict=True)]


def _empty_genres(top: Path, files: list[Path]) -> list[DatasetError]:
    """A genre folder without one audio file is probably a mistake; without any audio suffix it is worth a line."""
    used = {file.relative_to(top).parts[0] for file in files}
    folders = sorted(d for d in top.iterdir() if d.is_dir() and not is_hidden(d.name))
    return [DatasetError(d, "the genre folder holds no audio files") for d in folders if d.name not in used]


def _nothing_here(problems: list[DatasetError]) -> str:
    return f"it holds no audio files that can be seen; {problems[0]}" if problems else "it holds no audio files"

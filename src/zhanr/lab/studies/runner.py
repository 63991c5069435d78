"""Running a study: each single run is stored as one small file, so that nothing is ever run twice."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import zhanr
from zhanr.files import replacing
from zhanr.lab.studies.material import Material
from zhanr.lab.studies.study import Case, Scores, Study, StudyTask, TaskResult

RESULT_VERSION = 1
"""Part of every key; to be raised when the code changes what a task gives."""

FOLDER = Path("runs/studies")
LIBRARIES = ("numpy", "torch", "scikit-learn", "av")


@dataclass(frozen=True)
class Run:
    """One case with one seed, measured."""

    case: Case
    seed: int
    result: TaskResult
    scores: Scores


Tell = Callable[[Run, bool], None]
"""Called as tell(run, fresh) after each run; not `fresh` if it was stored already."""


def silent(run: Run, fresh: bool) -> None:
    """Tell nobody."""
    del run, fresh


def run_study(
    study: Study, material: Material, *, folder: Path = FOLDER, jobs: int = 1, tell: Tell = silent
) -> list[Run]:
    """Measure every case with every seed, in the order of the study; what `folder` has already is not run again."""
    folder.mkdir(parents=True, exist_ok=True)
    seeds = study.seeds[:1] if material.quick else study.seeds
    wanted = [(case, seed, case.task(seed)) for case in study.cases(material) for seed in seeds]
    keys = [key_of(task) for _, _, task in wanted]
    results: dict[str, TaskResult] = {}
    for key, result, fresh in _results(dict(zip(keys, (task for *_, task in wanted), strict=True)), folder, jobs):
        results[key] = result
        for (case, seed, _), other in zip(wanted, keys, strict=True):
            if other == key:
                tell(Run(case, seed, result, case.read(result)), fresh)
    rows = zip(wanted, (results[key] for key in keys), strict=True)
    return [Run(case, seed, result, case.read(result)) for (case, seed, _), result in rows]


def key_of(task: StudyTask) -> str:
    """The name of a task's result: a hash of all that determines it."""
    text = json.dumps({"version": RESULT_VERSION, **task.identity}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _results(tasks: Mapping[str, StudyTask], folder: Path, jobs: int) -> Iterator[tuple[str, TaskResult, bool]]:
    """The results of all tasks: the stored ones first, then the others as they are ready."""
    stored = {key: load(folder / f"{key}.json") for key in tasks}
    yield from ((key, result, False) for key, result in stored.items() if result)
    missing = [key for key, result in stored.items() if not result]
    if jobs == 1 or len(missing) < 2:
        for key in missing:
            yield key, perform(key, tasks[key], folder), True
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        futures = {pool.submit(perform, key, tasks[key], folder): key for key in missing}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result(), True
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def perform(key: str, task: StudyTask, folder: Path) -> TaskResult:
    """Run a task and store what it gave, whole or not at all."""
    started = time.process_time()
    scores = dict(task.run(folder / key))
    seconds = round(time.process_time() - started, 2)  # of computing, whatever else the machine does
    files = sorted(file.suffix for file in folder.glob(f"{key}.*"))
    about = {"seconds": seconds, "source": source(), "versions": versions(), "files": files}
    entry = {"key": key, "identity": task.identity, "scores": scores, "about": about}
    path = folder / f"{key}.json"
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(entry, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    result = load(path)
    assert result is not None
    return result


def load(path: Path) -> TaskResult | None:
    """A stored result; None where there is none, or it can't be read, or one of its files is gone."""
    try:
        entry: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        whole = all(path.with_suffix(suffix).exists() for suffix in entry["about"]["files"])
        result = TaskResult(entry["key"], entry["identity"], entry["scores"], entry["about"], path.with_suffix(""))
        return result if whole else None
    except (OSError, ValueError, KeyError):
        return None


@cache
def source() -> str:
    """The first digits of a hash over all Python files of the package: which code computed a result."""
    package = Path(zhanr.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@cache
def versions() -> dict[str, str]:
    """Of zhanr, Python and the libraries that compute."""
    found = {"zhanr": zhanr.__version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

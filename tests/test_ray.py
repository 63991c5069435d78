"""A scan on a cluster: the plan, the parts, machines that die in the middle (which needs Ray, and skips without)."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections import Counter
from itertools import count as count_from
from pathlib import Path
from typing import Any

import pytest

from tiny import tiny_model
from zhanr.errors import FileError, ZhanrError
from zhanr.library import Library, Song
from zhanr.library.parquet import import_songs, read_songs
from zhanr.scan import ray as cluster
from zhanr.scan.analyse import analyser
from zhanr.scan.ray import Classify, ClusterSummary, File, count, find, make_parts
from zhanr.scan.worker import Limits

pytest.importorskip("fsspec", reason="this needs the extra cluster (fsspec)")
pytest.importorskip("pyarrow", reason="this needs the extra cluster (pyarrow)")

DEMO = Path(__file__).parents[1] / "demo"


def song_file(folder: Path) -> Path:
    return min((p for p in folder.iterdir() if p.suffix in (".ogg", ".mp3", ".flac")), key=lambda p: p.stat().st_size)


def files(n: int) -> list[File]:
    return [File(f"s3://bucket/{i:05}.mp3", 1000 + i, 1, f"etag {i}") for i in range(n)]


def test_parts_hold_every_file_once_and_a_change_moves_little() -> None:
    before = list(make_parts(files(5000), "scope", 20))
    assert [f for part in before for f in part.files] == files(5000)
    assert max(len(part.files) for part in before) <= 80
    assert 150 < len(before) < 400
    assert len({part.name for part in before}) == len(before)
    assert list(make_parts(reversed(files(5000) + files(50)), "scope", 20)) == before, "order and repetition: no matter"
    one_more = [*files(5000), File("s3://bucket/02500b.mp3", 1, 1, "new")]
    after = list(make_parts(one_more, "scope", 20))
    assert len({p.name for p in after} - {p.name for p in before}) <= 2
    changed = [File(f.location, f.size, f.mtime_ns, f.stamp + "!" * (i == 7)) for i, f in enumerate(files(5000))]
    assert len({p.name for p in make_parts(changed, "scope", 20)} - {p.name for p in before}) == 1
    assert not {p.name for p in make_parts(files(5000), "other", 20)} & {p.name for p in before}


def test_finding_takes_folders_files_lists_and_urls(tmp_path: Path) -> None:
    import fsspec

    for name in ("b.mp3", "a/c.flac", "a/.hidden.mp3", ".git/d.mp3", "notes.pdf", "odd.xyz"):
        (tmp_path / "music" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "music" / name).write_bytes(b"12345")
    music = tmp_path / "music"
    assert [f.location for f in find([str(music)])] == [str(music / "a/c.flac"), str(music / "b.mp3")]
    (found,) = find([str(music / "odd.xyz")])
    assert (found.size, found.mtime_ns) == (5, (music / "odd.xyz").stat().st_mtime_ns)
    listing = tmp_path / "list.txt"
    listing.write_text(f"{music}/b.mp3\n\nmemory://bucket/x\n", encoding="utf-8")
    store = fsspec.filesystem("memory")
    store.pipe_file("/bucket/x/y.ogg", b"123")
    assert [f.location for f in find([str(listing)])] == [f"{music}/b.mp3", "memory:///bucket/x/y.ogg"]
    for root in (str(tmp_path / "nowhere"), "nothing://bucket/x"):
        with pytest.raises(FileError):
            list(find([root]))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_model(tmp_path / "tiny.onnx")


def scan_here(monkeypatch: pytest.MonkeyPatch, *arguments: Any, **options: Any) -> tuple[ClusterSummary, list[str]]:
    """A scan whose parts are done in this process, one after the other; and the names of those that were done."""
    done: list[str] = []

    def run(todo: list[cluster.Part], work: Classify, *_: Any) -> None:
        for part in todo:
            work(part)
            done.append(part.name)

    monkeypatch.setattr(cluster, "_run", run)
    return cluster.scan(*arguments, limits=Limits(seconds=60), **options), done


def folder_of_several_parts(parent: Path, names: list[str], size: int) -> Path:
    """A folder in which files of these names make more than one part: where one ends depends on the whole path."""
    for number in count_from(0):
        folder = parent / f"music{number}"
        if len(list(make_parts([File(str(folder / name), 1, 1, "") for name in names], "", size))) > 1:
            folder.mkdir()
            return folder
    raise AssertionError


def test_a_scan_goes_on_where_it_stopped_and_forgets_what_is_gone(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo, output = song_file(DEMO), str(tmp_path / "output")
    music = folder_of_several_parts(tmp_path, [*(f"{i}{demo.suffix}" for i in range(6)), "broken.mp3"], 2)
    for i in range(6):
        shutil.copy(demo, music / f"{i}{demo.suffix}")
    (music / "broken.mp3").write_bytes(b"this is no music")
    summary, first = scan_here(monkeypatch, [str(music)], output, model=str(model), part=2)
    assert (summary.songs, summary.failed, summary.parts) == (7, 1, len(first))
    assert len(first) > 1
    lost = Path(output) / first[0]
    before = lost.read_bytes()
    lost.unlink()
    summary, again = scan_here(monkeypatch, [str(music)], output, model=str(model), part=2)
    assert again == first[:1]
    assert lost.read_bytes() == before, "a part that is done twice is the same file"
    (music / f"3{demo.suffix}").unlink()
    summary, third = scan_here(monkeypatch, [str(music)], output, model=str(model), part=2)
    assert summary.songs == 6
    assert summary.removed_parts >= 1
    assert len(third) <= 1
    names = [song.path.name for song in read_songs(Path(output))]
    assert sorted(names) == sorted(p.name for p in music.iterdir())
    assert not [p for p in Path(output).iterdir() if not p.name.endswith(".parquet")]
    with Library.open(tmp_path / "library.sqlite") as library:
        assert import_songs(library, Path(output)) == 6
        song = library.song(music / f"0{demo.suffix}", embedding=True)
        assert song is not None
        assert song.embedding is not None
        status = (music / f"0{demo.suffix}").stat()
        assert (song.size, song.mtime_ns) == (status.st_size, status.st_mtime_ns), "a local scan finds it unchanged"
        assert library.count("error") == 1


def test_objects_are_fetched_classified_and_keep_their_urls(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    store, demo = fsspec.filesystem("memory"), song_file(DEMO)
    store.pipe_file(f"/fetched/a{demo.suffix}", demo.read_bytes())
    store.pipe_file("/fetched/b.mp3", b"no music")
    summary, _ = scan_here(monkeypatch, ["memory://fetched"], "memory://results", model=str(model))
    assert (summary.songs, summary.failed) == (2, 1)
    (name,) = store.ls("/results", detail=False)
    (tmp_path / "part.parquet").write_bytes(store.cat_file(name))
    songs = list(read_songs(tmp_path / "part.parquet"))
    assert [song.location for song in songs] == [f"memory://fetched/a{demo.suffix}", "memory://fetched/b.mp3"]
    start, sha256 = analyser(str(model))
    here = start()(demo, lambda _: False)
    assert here is not None
    assert (songs[0].best, songs[0].confidence, songs[0].content_hash) == (
        here.best,
        here.confidence,
        here.content_hash,
    )
    assert songs[0].model_sha256 == sha256
    assert count("memory://results", [Path(name).name]) == (2, 1)


def test_without_ray_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ZhanrError, match=r"pip install 'zhanr\[cluster\]'"):
        cluster._ray()


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_machine_that_dies_loses_nothing_and_counts_nothing_twice(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four Ray nodes (a head that does no work, three that do); one is killed when the first results are there."""
    ray = pytest.importorskip("ray", reason="this needs the extra cluster: pip install 'zhanr[cluster]'")
    pytest.importorskip("ray.data", reason="this needs the extra cluster: pip install 'zhanr[cluster]'")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(cluster.__file__).parents[2]), *sys.path]))
    music, output = tmp_path / "music", tmp_path / "output"
    music.mkdir()
    demo = song_file(DEMO)
    for i in range(80):
        shutil.copy(demo, music / f"{i:02}{demo.suffix}")
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        workers = [nodes.add_node(num_cpus=1) for _ in range(3)]
        nodes.wait_for_nodes()
        ray.init(address=nodes.address, log_to_driver=False)
        there_at_the_kill = []

        def kill_one() -> None:
            while not list(output.glob("*.parquet")):
                time.sleep(0.05)
            there_at_the_kill.append(len(list(output.glob("*.parquet"))))
            nodes.remove_node(workers[0], allow_graceful=False)

        killer = threading.Thread(target=kill_one, daemon=True)
        killer.start()
        summary = cluster.scan([str(music)], str(output), model=str(model), part=2)
        killer.join()
        assert there_at_the_kill[0] < summary.parts, "the scan was over before the machine was killed"
    finally:
        ray.shutdown()
        nodes.shutdown()
    assert (summary.songs, summary.failed, summary.known_parts) == (80, 0, 0)
    songs = Counter(song.path for song in read_songs(output))
    assert songs == Counter(music.iterdir()), "every song is there once"
    after, done = scan_here(monkeypatch, [str(music)], str(output), model=str(model), part=2)
    assert done == []
    assert after.known_parts == after.parts == summary.parts


def test_a_song_keeps_its_url_on_its_way_into_the_library(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library.sqlite") as library:
        library.add(Song(Path("s3://bucket/a.mp3")))
        assert [song.location for song in library.songs()] == ["s3://bucket/a.mp3"]

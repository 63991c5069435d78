"""Listing data sets: GTZAN, folders, manifests, and everything that can be wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from zhanr.errors import DatasetError
from zhanr.lab.datasets import Dataset, Track, gtzan, open_dataset

RIFF = b"RIFF....WAVE"


def tree(root: Path, *files: str, content: bytes = RIFF) -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def manifest(root: Path, text: str | bytes, *files: str) -> Path:
    tree(root, *files)
    path = root / "list.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def reasons(dataset: Dataset) -> list[str]:
    return [problem.reason for problem in dataset.problems]


# GTZAN


@pytest.mark.parametrize("wrapper", ["", "genres", "genres_original", "Data/genres_original"])
def test_gtzan_is_recognised_from_itself_and_from_its_parents(tmp_path: Path, wrapper: str) -> None:
    tree(tmp_path / wrapper, "blues/blues.00000.wav", "jazz/jazz.00003.au")
    dataset = open_dataset(tmp_path)
    assert dataset.name == "gtzan"
    assert dataset.names == ("blues.00000", "jazz.00003")
    assert dataset.genres == ("blues", "jazz")
    assert dataset.artists["blues.00000"] == "John Lee Hooker"


def test_gtzan_parent_may_hold_pictures_and_tables(tmp_path: Path) -> None:
    tree(tmp_path, "genres_original/pop/pop.00001.wav", "images_original/pop/pop00001.png", "features_30_sec.csv")
    assert open_dataset(tmp_path).names == ("pop.00001",)


def test_damaged_excerpt_is_reported_and_left_out(tmp_path: Path) -> None:
    tree(tmp_path, "jazz/jazz.00053.wav", "blues/blues.00001.wav")
    tree(tmp_path, "jazz/jazz.00054.wav", content=b"\x00\x17 not audio")
    dataset = open_dataset(tmp_path)
    assert dataset.names == ("blues.00001", "jazz.00053")
    assert [Path(p.path).name for p in dataset.problems] == ["jazz.00054.wav"]
    assert "damaged" in reasons(dataset)[0]


def test_repaired_copy_of_the_damaged_excerpt_is_used(tmp_path: Path) -> None:
    tree(tmp_path, "jazz/jazz.00054.wav")
    assert open_dataset(tmp_path).names == ("jazz.00054",)


def test_other_data_with_similar_names_is_not_gtzan(tmp_path: Path) -> None:
    tree(tmp_path, "blues/blues.00000.wav", "blues/my song.wav")
    assert open_dataset(tmp_path).artists == {}
    assert not gtzan.is_excerpt("blues.00000", "rock")
    assert not gtzan.is_excerpt("blues.00100", "blues")


def test_artist_index_has_known_rows() -> None:
    artists = gtzan.artists()
    assert len(artists) == 919
    assert artists["metal.00083"] == "Metallica"
    assert "metal.00089" not in artists


# folders


def test_nested_artists_and_albums_belong_to_the_genre(tmp_path: Path) -> None:
    tree(tmp_path, "Рок/Кино/Группа крови/01.MP3", "folk/a.flac", "folk/cover.jpg", "folk/.hidden.mp3", "notes.txt")
    dataset = open_dataset(tmp_path)
    assert dataset.genres == ("folk", "Рок")
    assert dataset.names == ("a", "01")
    assert not dataset.problems


def test_names_that_collide_become_relative_paths(tmp_path: Path) -> None:
    tree(tmp_path, "rock/x/01.mp3", "rock/y/01.mp3", "rock/y/01.ogg", "pop/02.mp3")
    names = open_dataset(tmp_path).names
    assert names == ("02", "rock/x/01.mp3", "rock/y/01.mp3", "rock/y/01.ogg")


def test_composed_and_decomposed_spellings_are_one_genre_with_unique_names(tmp_path: Path) -> None:
    tree(tmp_path, "caf\u00e9/x\u00e9.mp3", "cafe\u0301/xe\u0301.mp3")
    dataset = open_dataset(tmp_path)
    assert dataset.genres == ("caf\u00e9",)
    assert len(set(dataset.names)) == 2


def test_undecodable_file_names_get_printable_names(tmp_path: Path) -> None:
    folder = tmp_path / "rock"
    folder.mkdir()
    try:
        Path(folder, "b\udcffd.mp3").write_bytes(RIFF)
    except OSError:
        pytest.skip("this file system only takes UTF-8 names")
    (name,) = open_dataset(tmp_path).names
    assert name.encode("utf-8").decode() == "b\ufffdd"


def test_one_genre_is_a_data_set(tmp_path: Path) -> None:
    """It can be evaluated; it is training that needs two, and says so."""
    assert open_dataset(tree(tmp_path, "rock/a.mp3")).genres == ("rock",)


def test_hundreds_of_genres(tmp_path: Path) -> None:
    dataset = open_dataset(tree(tmp_path, *(f"genre {i:03}/{i}.mp3" for i in range(300))))
    assert len(dataset.genres) == 300


def test_empty_and_stray_files_and_empty_genres_are_problems(tmp_path: Path) -> None:
    tree(tmp_path, "rock/a.mp3", "stray.mp3")
    tree(tmp_path, "rock/b.mp3", content=b"")
    (tmp_path / "jazz").mkdir()
    dataset = open_dataset(tmp_path)
    assert dataset.names == ("a",)
    assert reasons(dataset) == [
        "the file is empty",
        "the file is in no genre folder",
        "the genre folder holds no audio files",
    ]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    tree(tmp_path, "rock/a.mp3")
    (tmp_path / "rock" / "again").symlink_to(tmp_path, target_is_directory=True)
    assert open_dataset(tmp_path).names == ("a",)


def test_a_dangling_link_is_a_problem(tmp_path: Path) -> None:
    tree(tmp_path, "rock/a.mp3")
    (tmp_path / "rock" / "b.mp3").symlink_to(tmp_path / "nowhere.mp3")
    dataset = open_dataset(tmp_path)
    assert dataset.names == ("a",)
    assert reasons(dataset) == ["this is a link to a file that is not there"]


def test_a_flat_folder_has_no_genres_unless_it_is_only_checked(tmp_path: Path) -> None:
    tree(tmp_path, "a.mp3", "b.mp3")
    with pytest.raises(DatasetError, match="one folder per genre"):
        open_dataset(tmp_path)
    assert open_dataset(tmp_path, strict=False).labels == ("", "")


def test_nothing_to_open(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no audio files"):
        open_dataset(tmp_path)
    with pytest.raises(DatasetError, match="no such file or folder"):
        open_dataset(tmp_path / "absent")
    tree(tmp_path, "rock/a.mp3", content=b"")
    with pytest.raises(DatasetError, match=r"no file in it can be used.*the file is empty"):
        open_dataset(tmp_path)
    assert reasons(open_dataset(tmp_path, strict=False)) == ["the file is empty"]


# manifests


def test_manifest_with_all_columns_and_others(tmp_path: Path) -> None:
    text = "split,genre,bpm,file,artist\ntrain,rock,120,a/x.mp3,Someone\nvalidation,pop,99,y.mp3,\n"
    dataset = open_dataset(manifest(tmp_path, text, "a/x.mp3", "y.mp3"))
    assert dataset.tracks == (
        Track("x", tmp_path / "a/x.mp3", "rock", "Someone", "train"),
        Track("y", tmp_path / "y.mp3", "pop", None, "valid"),
    )
    assert dataset.split == {"train": ("x",), "valid": ("y",)}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_manifest_as_different_programs_write_it(tmp_path: Path, encoding: str, delimiter: str, newline: str) -> None:
    rows = [["File", " Genre "], ["песна 1.mp3", "чалга"], ['"a, b;c.mp3"', "folk"], []]
    text = newline.join(delimiter.join(row) for row in rows)
    dataset = open_dataset(manifest(tmp_path, text.encode(encoding), "песна 1.mp3", "a, b;c.mp3"))
    assert [(t.path.name, t.genre) for t in dataset.tracks] == [("песна 1.mp3", "чалга"), ("a, b;c.mp3", "folk")]
    assert not dataset.problems


def test_manifest_rows_that_cannot_be_used_name_their_line(tmp_path: Path) -> None:
    lines = ["file,genre", "a.mp3,rock", "b.mp3,", ",pop", "gone.mp3,pop", "a.mp3,rock", "./a.mp3,jazz", "c.mp3,x,y,z"]
    lines += ["", "empty.mp3,pop", "d.mp3"]
    path = manifest(tmp_path, "\n".join(lines), "a.mp3", "b.mp3", "c.mp3", "d.mp3")
    tree(tmp_path, "empty.mp3", content=b"")
    dataset = open_dataset(path)
    assert dataset.names == ("a",)
    assert sorted(reasons(dataset)) == sorted(
        [
            "line 3: the column genre is empty",
            "line 4: the column file is empty",
            "there is no such file (line 5 of list.csv)",
            "line 6 repeats the file of line 2; the first one counts",
            "line 7 repeats the file of line 2, there as rock and here as jazz; the first one counts",
            "line 8 has 4 values for 2 columns; quote values that hold a comma",
            "the file is empty (line 10 of list.csv)",
            "line 11: the column genre is empty",
        ]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "missing: file, genre"),
        ("path,genre\na.mp3,rock\n", "missing: file .found: path, genre"),
        ("file,genre,file\na.mp3,rock,b.mp3\n", "column file is there more than once"),
        ("file,genre\n", "no rows"),
        ("file,genre\ngone.mp3,rock\n", "no row of it can be used.*no such file"),
        (b"file,genre\na.mp3,caf\xe9\n", "line 2 is not UTF-8"),
        (b"ID3\x00\x01\x02", "not a CSV file"),
        ('file,genre\n"a.mp3,rock\n', "line 2 is not CSV"),
    ],
)
def test_manifests_that_cannot_be_read(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        open_dataset(manifest(tmp_path, text, "a.mp3"))


def test_manifest_from_windows(tmp_path: Path) -> None:
    dataset = open_dataset(manifest(tmp_path, "file,genre\nrock\\a.mp3,rock\n", "rock/a.mp3"))
    assert dataset.tracks[0].path == tmp_path / "rock/a.mp3"


def test_manifest_names_are_unique(tmp_path: Path) -> None:
    text = "track,file,genre\none,a.mp3,rock\none,b.mp3,pop\ntwo,c.mp3,pop\n"
    assert open_dataset(manifest(tmp_path, text, "a.mp3", "b.mp3", "c.mp3")).names == ("a.mp3", "b.mp3", "two")


def test_the_shared_audio_as_folder_and_as_manifest(shared: Path) -> None:
    as_folder = open_dataset(shared / "gtzan" / "audio")
    as_manifest = open_dataset(shared / "gtzan" / "audio.csv")
    assert len(as_folder.tracks) == 373
    assert not as_folder.problems
    assert not as_manifest.problems
    assert {(t.name, t.path.resolve(), t.genre, t.artist) for t in as_folder.tracks} == {
        (t.name, t.path.resolve(), t.genre, t.artist) for t in as_manifest.tracks
    }

"""A plugin of beets: the genres of imported songs, and of all that `beet zhanr QUERY` picks.

The rules are those of `zhanr tag plan`: where to write (`policy`), from which probability on, under which names. Where
zhanr isn't sure, the genres stay as they are. What it said is kept in `zhanr_confidence`, by which it goes on after an
interruption, and in `zhanr_styles`.
"""

from __future__ import annotations

import optparse
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from beets import config
from beets.dbcore import types
from beets.exceptions import UserError
from beets.plugins import BeetsPlugin
from beets.ui import Subcommand, print_, should_write
from beets.util import syspath
from mediafile import MediaFile, UnreadableFileError

from zhanr import settings
from zhanr.errors import AudioError, ZhanrError
from zhanr.tags.policy import MODES, NAMES, Evidence, Policy, decide, read_names, read_whitelist

if TYPE_CHECKING:
    from beets.importer import ImportSession, ImportTask
    from beets.library import Album, Item, Library

    from zhanr.classifier import Classifier
    from zhanr.prediction import Prediction


class ZhanrPlugin(BeetsPlugin):
    """Sets `genres`, `zhanr_confidence` and `zhanr_styles` of items, and `genres` of their albums."""

    item_types: ClassVar[dict[str, types.Type[Any, Any]]] = {
        "zhanr_confidence": types.Float(2),
        "zhanr_styles": types.SEMICOLON_SPACE_DSV,
    }

    def __init__(self) -> None:
        super().__init__()
        self.config.add(
            {
                "auto": True,
                "policy": settings.text("policy"),
                "threshold": Policy.threshold,
                "map": settings.text("map"),
                "whitelist": settings.text("whitelist"),
                "model": None,
                "jobs": 2,
            }
        )
        if self.config["auto"].get(bool):
            self.import_stages = [self.imported]

    def commands(self) -> list[Subcommand]:
        """`beet zhanr [QUERY]`."""
        command = Subcommand("zhanr", help="tell the genres of songs")
        add = command.parser.add_option
        add("-f", "--force", action="store_true", default=False, help="also songs that zhanr has looked at before")
        add("-p", "--pretend", action="store_true", default=False, help="show what would be changed, change nothing")
        add("-W", "--nowrite", action="store_true", default=False, help="change the library alone, not the files")
        add("--policy", choices=MODES, help="write where no genre is, instead of it, or beside it")
        command.func = self.command
        return [command]

    def command(self, lib: Library, options: optparse.Values, arguments: list[str]) -> None:
        """Run `beet zhanr`; every song is stored when it is done, so that nothing is lost by stopping."""
        if options.policy:
            self.config["policy"] = options.policy
        items = [item for item in lib.items(arguments) if options.force or item.get("zhanr_confidence") is None]
        try:
            changed = self.classify(items, pretend=options.pretend, write=should_write() and not options.nowrite)
        except ZhanrError as error:
            raise UserError(str(error)) from error
        albums = {album.id: album for item in changed if (album := item.get_album()) is not None}
        for album in albums.values():
            self.summarise(album)

    def imported(self, _session: ImportSession, task: ImportTask) -> None:
        """A stage of `beet import`. Files are written by beets itself, as its settings say."""
        try:
            changed = self.classify(task.imported_items())
        except ZhanrError as error:
            self._log.error("{}", error)  # the import goes on without genres
            return
        if changed and task.is_album:
            self.summarise(task.album)

    def classify(self, items: Iterable[Item], *, pretend: bool = False, write: bool = False) -> list[Item]:
        """Tell the genres of items and store them; the items whose genres have changed. Raises `ZhanrError`."""
        changed = []
        for item, prediction in self._predictions(list(items)):
            old = tuple(item.get("genres", with_album=False) or ())
            said = Evidence(prediction.probabilities, prediction.genre, prediction.reason)
            decision = decide(self._policy, old, said)
            sign, new = ("->", decision.genres) if decision.write else ("==", old)
            line = f"{item.filepath}: {'; '.join(old) or '(none)'} {sign} {'; '.join(new) or '(none)'}"
            line += f" ({prediction.best} {prediction.confidence:.0%}; {decision.reason})"
            if pretend:
                print_(line)
                continue
            self._log.info("{}", line)
            item["zhanr_confidence"] = round(prediction.confidence, 4)
            item["zhanr_styles"] = [style.name for style in prediction.styles]
            if decision.write:
                item["genres"] = list(decision.genres)
                changed.append(item)
                if write:
                    self._write(item)
            item.store()
        return changed

    def summarise(self, album: Album) -> None:
        """Give an album the genre of most of its songs, where the policy lets it. The songs keep their own."""
        old = tuple(album.get("genres") or ())
        counts = Counter(genre for item in album.items() for genre in item.get("genres", with_album=False) or ())
        if not counts or (old and self._policy.mode != "replace"):
            return
        album["genres"] = [counts.most_common(1)[0][0]]
        album.store(inherit=False)

    def _predictions(self, items: list[Item]) -> Iterator[tuple[Item, Prediction]]:
        if not items:
            return
        styles = (style.name for style in self._classifier.card.styles)
        for remark in self._policy.check_labels(self._classifier.labels, styles):
            self._log.warning("{}", remark)
        paths = [Path(item.filepath) for item in items]
        results = self._classifier.predict_many(paths, jobs=self.config["jobs"].get(int))
        for item, result in zip(items, results, strict=True):
            if isinstance(result, AudioError):
                self._log.error("{}", result)
            else:
                yield item, result

    def _write(self, item: Item) -> None:
        """Write the genres into the file, and nothing else: `Item.write` would write every field of the library."""
        try:
            file = MediaFile(syspath(item.path), id3v23=config["id3v23"].get(bool))
            file.genres = list(item["genres"])
            file.save()
        except UnreadableFileError as error:
            self._log.error("{}", error)
            return
        item.mtime = item.current_mtime()

    @cached_property
    def _classifier(self) -> Classifier:
        from zhanr.classifier import Classifier
        from zhanr.vocabulary import model_for_files

        return Classifier.load(model_for_files(self.config["model"].get()))

    @property
    def _policy(self) -> Policy:
        names, allowed = self.config["map"].get(), self.config["whitelist"].get()
        return Policy(
            mode=self.config["policy"].get(),
            threshold=self.config["threshold"].get(float),
            names=read_names(Path(names).expanduser()) if names else NAMES,
            whitelist=read_whitelist(allowed) if allowed else None,
        )

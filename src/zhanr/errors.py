"""What can go wrong, as types. Every message is a sentence that a non-programmer understands."""

from __future__ import annotations


class ZhanrError(Exception):
    """The base of every error that zhanr raises on purpose."""


class ConfigError(ZhanrError):
    """A setting that is unknown, missing, of the wrong type or out of range."""


class InUseError(ZhanrError):
    """Another run is at work where only one may be; a later try may go better."""


class FileError(ZhanrError):
    """A problem with one file: which one (`path`) and why (`reason`, one sentence without a final period)."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = str(path)
        self.reason = reason

    def __reduce__(self) -> tuple[type[FileError], tuple[str, str]]:
        """Rebuild from both parts, so that the error survives the way back from a worker process."""
        return type(self), (self.path, self.reason)


class AudioError(FileError):
    """A file that holds no music that can be read."""


class DatasetError(FileError):
    """A data set, manifest, feature store or split that can't be used as it is."""


class ModelFileError(FileError):
    """A model file that is not one of zhanr's, is damaged, or is of another version."""


class LibraryError(FileError):
    """A library file that can't be opened: damaged, in use, of a newer version, or not a library at all."""


class TagError(FileError):
    """A file whose genre can't be read or written safely."""


class PlanError(FileError):
    """A plan or a journal of changes that can't be used as it is."""

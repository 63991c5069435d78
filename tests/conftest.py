"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import zhanr  # noqa: F401 - before any test loads a library that would report its use: zhanr forbids it

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two processes for a folder of tests (each takes half a gigabyte); a file alone is quicker without them."""
    return 2 if any(Path(argument).is_dir() for argument in config.args) else 0


@pytest.fixture(scope="session", autouse=True)
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whoever runs the tests keeps a library, settings, journals and locks of his own."""
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "LOCALAPPDATA"):
        os.environ[name] = str(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real music beside the repository; a test that asks for it is skipped where it is absent."""
    if not SHARED.is_dir():
        if os.environ.get("ZHANR_REQUIRE_SHARED"):
            pytest.fail(f"{SHARED} is required here and absent")
        pytest.skip("needs the folder ../shared (real GTZAN material), which is not part of the project")
    return SHARED

"""The API against its own description: whatever is sent, no server error, and no answer that is not described."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import positive_data_acceptance

from live_app import Live, live
from test_api import library, model  # noqa: F401 - fixtures
from zhanr.app.settings import Settings

OPERATIONS = [
    ("POST", "/classify"),
    ("POST", "/classify-path"),
    ("POST", "/similar"),
    ("GET", "/library/albums"),
    ("GET", "/models"),
    ("GET", "/health"),
    ("GET", "/metrics"),
]


@pytest.fixture(scope="module")
def server(model: Path, library: Path) -> Iterator[Live]:  # noqa: F811
    with live(Settings(model=str(model), library=library, server_paths=(library.parent / "music",))) as running:
        yield running


@pytest.fixture(scope="module")
def description(server: Live) -> Any:
    found = schemathesis.openapi.from_url(f"{server.client.base_url}/api/v1/openapi.json")
    found.config.checks.negative_data_rejection.expected_statuses.append("431")  # an address may be too long, too
    return found


def test_every_operation_is_listed_here(description: Any) -> None:
    found = [operation.ok() for operation in description.get_all_operations()]
    assert {(o.method.upper(), o.path) for o in found} == set(OPERATIONS)


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_as_described(description: Any, method: str, path: str, mode: GenerationMode) -> None:
    """Data as described and otherwise; a request without parameters can't be wrong."""
    operation = description[path][method]
    takes = bool(operation.query or operation.body)
    if mode is GenerationMode.NEGATIVE and not takes:
        return

    @settings(max_examples=15 if takes else 2, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        # bytes that are no music are refused, though nothing in the description tells them from music
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    check()


def test_the_checks_see_an_answer_that_is_not_as_described(description: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    case = description["/health"]["GET"].Case()
    case.call_and_validate()
    monkeypatch.setattr("zhanr.app.api.__version__", None)
    with pytest.raises(FailureGroup, match="schema"):
        case.call_and_validate()

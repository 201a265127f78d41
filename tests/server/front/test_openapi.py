"""The OpenAPI document against the application: what it allows never breaks anything, and is answered as it says."""

import os

import pytest

from deepaw.server import dict_to_binary
from deepaw.server.front.app import create_app
from deepaw.server.front.config import FrontConfig
from deepaw.server.messages.errors import MessageError
from server.front.fake import FakeScheduler

schemathesis = pytest.importorskip("schemathesis")
hypothesis = pytest.importorskip("hypothesis")

EXAMPLES = int(os.environ.get("DEEPAW_FUZZ", "20"))
"""Requests to each address."""


@schemathesis.serializer("application/msgpack")
def as_message(_: object, value: object) -> bytes:
    """A map as a message, and whatever else as it stands."""
    if isinstance(value, bytes):
        return value
    try:
        return dict_to_binary(value) if isinstance(value, dict) else repr(value).encode()
    except MessageError:
        return b"\xc1"


KEY = {"X-API-Key": "a" * 20, "Host": "localhost"}
app = create_app(FakeScheduler(), FrontConfig(keys=(KEY["X-API-Key"],)))
schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers=KEY)


@schema.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_answers_are_as_documented(case: "schemathesis.Case") -> None:
    response = case.call(headers=KEY)
    assert response.status_code < 500, (case.as_curl_command(), response.text)
    case.validate_response(response, checks=[schemathesis.checks.not_a_server_error, *documented()])


def documented() -> list:
    """Checks of status, type and content."""
    from schemathesis.specs.openapi import checks

    return [checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance]

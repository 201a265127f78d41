"""Lines of the log."""

import json
import logging

import pytest

from deepaw.server.process.logs import JsonFormatter, PatientFileHandler


@pytest.fixture
def logger():
    logger = logging.Logger("test")
    yield logger
    for handler in logger.handlers:
        handler.close()


def test_lines_are_json_and_tell_no_secrets(tmp_path, logger):
    handler = PatientFileHandler(tmp_path / "log", maxBytes=10_000, delay=True)
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    logger.info("request", extra={"request": "a1", "status": 200})
    try:
        raise ValueError("/home/secret")
    except ValueError:
        logger.exception("fault")
    first, second = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert {"message": "request", "request": "a1", "status": 200, "level": "info"}.items() <= first.items()
    assert second["fault"].startswith("ValueError at test_logs.py:")
    assert "secret" not in (tmp_path / "log").read_text()


def test_a_full_log_begins_anew(tmp_path, logger):
    logger.addHandler(PatientFileHandler(tmp_path / "log", maxBytes=1000, backupCount=2))
    for _ in range(100):
        logger.info("x" * 50)
    assert {path.name for path in tmp_path.iterdir()} == {"log", "log.1", "log.2"}
    assert all(path.stat().st_size < 1000 + 51 for path in tmp_path.iterdir())


def test_a_full_disk_does_no_harm(logger, capsys):
    logger.addHandler(PatientFileHandler("/dev/full", maxBytes=1000))
    for _ in range(1000):
        logger.info("x" * 100)
    assert capsys.readouterr() == ("", "")

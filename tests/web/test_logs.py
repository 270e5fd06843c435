"""Logs: a warning that is said of every request is said now and then."""

import logging

import pytest

from web.logs import Seldom


def test_the_same_warning_is_said_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    """Others are said all the same, and so are errors."""
    now_s = [0.0]
    logger = logging.getLogger("tests.seldom")
    seldom = Seldom(1.0, lambda: now_s[0])
    logger.addFilter(seldom)
    for now_s[0] in (0.0, 0.1, 0.9, 1.0, 1.1, 5.0):
        logger.warning("Too many.")
        logger.warning("Too many of %s.", "these")
        logger.error("Broken.")
    said = [record.getMessage() for record in caplog.records]
    assert said.count("Too many.") == said.count("Too many of these.") == 3
    assert said.count("Broken.") == 6

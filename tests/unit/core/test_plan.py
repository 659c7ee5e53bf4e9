"""What a plan refuses."""

from dataclasses import replace

import pytest
from tests.unit.core.transcript import Player, plan

from tidebook import engine as engines
from tidebook.errors import UsageError


def test_one_key_under_one_form_cannot_find_both_changes_and_whole_books() -> None:
    setting = {"rule": "request"}
    endpoint = Player(setting, engines.load("python")).endpoint
    good = plan(setting, "A", endpoint)
    assert good.snapshot is not None
    key = good.key_or_topic()
    replace(good, snapshot_key=key)  # a reply has another form: fine
    with pytest.raises(UsageError, match="different keys"):
        replace(good, snapshot_key=key, snapshot=replace(good.snapshot, each=good.shape.each, route=good.shape.route))

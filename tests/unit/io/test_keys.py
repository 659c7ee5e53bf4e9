"""Keys in the environment and in the user's file."""

import os
from pathlib import Path

import pytest

from tidebook.errors import UsageError
from tidebook.io.keys import from_environment, from_file, variable
from tidebook.model.place import At, parse

CANARY = "CANARY-91cc"
FULL = f'[acme]\nkey = "a"\nsecret = "{CANARY}"\n\n["acme@hedge:testnet"]\nkey = "b"\nsecret = "c"\npassphrase = "d"\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def written(home: Path, text: str, mode: int = 0o600) -> None:
    path = home / ".config/tidebook/keys.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(mode)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("acme", "TIDEBOOK_ACME_KEY"),
        ("acme:testnet", "TIDEBOOK_ACME_TESTNET_KEY"),
        ("acme@my-hedge:paper", "TIDEBOOK_ACME_MY_HEDGE_PAPER_KEY"),
    ],
)
def test_the_variables(place: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at = parse(place)
    assert variable(at) == name
    assert from_environment(at) is None
    monkeypatch.setenv(name, "k")
    with pytest.raises(UsageError, match=name.replace("_KEY", "_SECRET")):
        from_environment(at)
    monkeypatch.setenv(name.replace("_KEY", "_SECRET"), CANARY)
    found = from_environment(at)
    assert found is not None
    assert (found.key.reveal(), found.secret.reveal(), found.passphrase, found.source) == ("k", CANARY, None, name)
    monkeypatch.setenv(name.replace("_KEY", "_PASSPHRASE"), "p")
    found = from_environment(at)
    assert found is not None
    assert found.passphrase is not None


def test_the_file(home: Path) -> None:
    assert from_file(At("acme")) == (None, "~/.config/tidebook/keys.toml (absent)")
    written(home, FULL)
    found, where = from_file(At("acme"))
    assert found is not None
    assert (found.secret.reveal(), where) == (CANARY, "~/.config/tidebook/keys.toml")
    found, _ = from_file(parse("acme@hedge:testnet"))
    assert found is not None
    assert found.passphrase is not None
    assert (found.key.reveal(), found.passphrase.reveal()) == ("b", "d")
    assert from_file(At("other")) == (None, "~/.config/tidebook/keys.toml (without [other])")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_can_read_is_refused(home: Path, mode: int) -> None:
    written(home, FULL, mode)
    with pytest.raises(UsageError, match=r"others can read .*: chmod 600"):
        from_file(At("acme"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"acme = {CANARY}", "is no TOML"),
        (f'[acme]\nkey = "{CANARY}', "is no TOML"),
        (f'acme = "{CANARY}"', r"\[acme\] of .* is no table"),
        (f'[acme]\nkey = "{CANARY}"', "has key and secret"),
        (f'[acme]\nkey = "{CANARY}"\nsecret = "x"\nsecrets = "{CANARY}"', "has key and secret"),
        (f'[acme]\nkey = ["{CANARY}"]\nsecret = "x"', "the key of .* is none"),
        (f'[acme]\nkey = "{CANARY} "\nsecret = "x"', "the key of .* is none"),
    ],
)
def test_a_bad_file_is_refused_unseen(home: Path, text: str, says: str) -> None:
    written(home, text)
    with pytest.raises(UsageError, match=says) as refused:
        from_file(At("acme"))
    error: BaseException | None = refused.value
    while error is not None:
        assert CANARY not in repr(error)
        assert CANARY not in repr(vars(error))
        error = error.__cause__ or error.__context__


def test_what_is_no_file_is_said_and_not_waited_for(home: Path) -> None:
    path = home / ".config/tidebook/keys.toml"
    path.parent.mkdir(parents=True)
    os.mkfifo(path, 0o600)
    with pytest.raises(UsageError, match="is no file"):
        from_file(At("acme"))

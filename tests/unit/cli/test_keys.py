"""`tidebook keys`: where keys stand, and nothing of what they are."""

from pathlib import Path

import pytest

from tidebook.cli import main

CANARIES = ("canary-key-1a", "canary-secret-2b", "canary-passphrase-3c")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("TIDEBOOK_BYBIT_KEY", "TIDEBOOK_BYBIT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def file_of(home: Path, text: str) -> Path:
    file = home / ".config/tidebook/keys.toml"
    file.parent.mkdir(parents=True)
    file.touch(0o600)
    file.write_text(text)
    return file


def test_without_any(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys"]) == 0
    assert "no key: neither in TIDEBOOK_<EXCHANGE>_KEY" in capsys.readouterr().out
    assert main(["keys", "okx:demo"]) == 1
    said = capsys.readouterr().out
    assert "TIDEBOOK_OKX_DEMO_KEY, TIDEBOOK_OKX_DEMO_SECRET, TIDEBOOK_OKX_DEMO_PASSPHRASE; else [okx:demo] of" in said
    assert said.endswith("not found\n")


def test_where_they_stand(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TIDEBOOK_BYBIT_KEY", CANARIES[0])
    monkeypatch.setenv("TIDEBOOK_BYBIT_SECRET", CANARIES[1])
    key, secret, word = CANARIES
    file_of(home, f'["okx@hedge:demo"]\nkey = "{key}"\nsecret = "{secret}"\npassphrase = "{word}"\n["what@"]\n')
    assert main(["keys"]) == 0
    said = capsys.readouterr().out
    assert [line.split()[:2] for line in said.splitlines() if not line.startswith("[what@]")] == [
        ["bybit", "TIDEBOOK_BYBIT_KEY"],
        ["okx@hedge:demo", "[okx@hedge:demo]"],
    ]
    assert said.rstrip().endswith("with a passphrase")
    assert "[what@]: " in said
    assert not any(canary in said for canary in CANARIES)


def test_what_is_wrong_with_them(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEBOOK_BYBIT_KEY", CANARIES[0])
    assert main(["keys", "bybit"]) == 0
    assert "TIDEBOOK_BYBIT_SECRET is missing beside its other half" in capsys.readouterr().out
    file_of(home, "[okx]\n").chmod(0o644)
    assert main(["keys"]) == 2
    assert "chmod 600" in capsys.readouterr().err
    assert main(["keys", "nobody"]) == 2


@pytest.mark.parametrize(
    ("table", "place", "says"),
    [
        ("okx", "okx", "without the passphrase that okx wants"),
        ("Bybit", None, "no venue is called 'Bybit'"),
        ("nobody", None, "no venue is called 'nobody'"),
        ('"okx@demo"', "okx@demo", "an account of okx cannot be called 'demo'"),
        ("bybit.testnet", "bybit", 'has a table in it: accounts and environments are written ["bybit:testnet"]'),
    ],
)
def test_what_would_not_be_taken_is_not_called_found(
    home: Path, capsys: pytest.CaptureFixture[str], table: str, place: str | None, says: str
) -> None:
    file_of(home, f'[{table}]\nkey = "{CANARIES[0]}"\nsecret = "{CANARIES[1]}"\n')
    for command in [["keys"], *([] if place is None else [["keys", place]])]:
        assert main(command) == 0
        said = capsys.readouterr().out
        assert says in said
        assert not any(canary in said for canary in CANARIES)

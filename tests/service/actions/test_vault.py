import stat
from pathlib import Path

import pytest

from service.actions.vault import SecretsLocked, Vault
from service.settings import SettingsError, load_settings

OLD, NEW = "the old key of 24 letters", "the new key of 24 letters"


def test_what_was_sealed_is_opened_for_its_purpose_alone() -> None:
    vault = Vault([OLD])
    sealed = vault.seal("sk-비밀", purpose="team_1/act_1")
    assert "sk-" not in sealed
    assert vault.open(sealed, purpose="team_1/act_1") == "sk-비밀"
    for other in ("team_2/act_1", "team_1/act_2", "team_1/act_1/mem_1"):
        with pytest.raises(SecretsLocked, match="changed in the database"):
            vault.open(sealed, purpose=other)


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    vault = Vault([OLD])
    assert vault.seal("secret", purpose="p") != vault.seal("secret", purpose="p")


def test_a_new_key_before_the_old_one_seals_and_both_open() -> None:
    sealed = Vault([OLD]).seal("secret", purpose="p")
    both = Vault([NEW, OLD])
    assert both.open(sealed, purpose="p") == "secret"
    assert Vault([NEW]).open(both.seal("secret", purpose="p"), purpose="p") == "secret"
    with pytest.raises(SecretsLocked, match="DOUMI_SECRET_KEY"):
        Vault([NEW]).open(sealed, purpose="p")


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    sealed = Vault.open_in(tmp_path, ()).seal("secret", purpose="p")
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
    assert Vault.open_in(tmp_path, ()).open(sealed, purpose="p") == "secret"


def test_a_key_from_the_settings_makes_no_file(tmp_path: Path) -> None:
    Vault.open_in(tmp_path, [OLD])
    assert list(tmp_path.iterdir()) == []


def test_keys_come_from_the_settings_and_do_not_show(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOUMI_SECRET_KEY", f"{NEW}, {OLD}")
    settings = load_settings()
    assert settings.secret_keys == (NEW, OLD)
    assert OLD not in repr(settings)


def test_a_key_that_is_too_short_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOUMI_SECRET_KEY", "hunter2")
    with pytest.raises(SettingsError, match="16 characters") as raised:
        load_settings()
    assert "hunter2" not in str(raised.value)

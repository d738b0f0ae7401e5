from pathlib import Path

import pytest

from service.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no .env of the checkout


def test_every_setting_has_a_default_that_needs_no_key() -> None:
    settings = load_settings()
    assert (settings.model, settings.model_api_key, settings.url) == ("quote", None, "http://127.0.0.1:8000")


def test_a_misspelt_name_is_refused_with_the_nearest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOUMI_MODLE", "quote")
    with pytest.raises(SettingsError, match="did you mean DOUMI_MODEL"):
        load_settings()


def test_a_value_that_cannot_be_used_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOUMI_PORT", "eight")
    with pytest.raises(SettingsError, match="DOUMI_PORT"):
        load_settings()


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOUMI_MODEL_API_KEY", "sk-very-secret")
    assert "very-secret" not in repr(load_settings())


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOUMI_MODEL_BASE_URL", "")
    monkeypatch.setenv("DOUMI_MODEL", "")
    settings = load_settings()
    assert (settings.model, settings.model_base_url) == ("quote", None)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"host": "0.0.0.0", "port": 9000}, "http://127.0.0.1:9000"),
        ({"public_url": "https://doumi.example.org/"}, "https://doumi.example.org"),
    ],
)
def test_the_address_is_one_that_people_can_open(given: dict[str, object], url: str) -> None:
    assert load_settings(**given).url == url


def test_a_dotenv_file_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DOUMI_MODEL=ollama:qwen3\n")
    assert load_settings().model == "ollama:qwen3"

"""Models by name, and the providers that there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kernelwright.config import environment_of, secret_variables
from kernelwright.errors import ConfigError, MissingDependencyError, UnknownNameError
from kernelwright.llm import (
    ChatRequest,
    Message,
    ModelSettings,
    Secret,
    create_model,
    find_preset,
    find_provider,
    open_model,
    provider_names,
    register_provider,
)
from kernelwright.llm.memory import KEPT_S, EndpointMemory
from kernelwright.llm.presets import load_presets
from kernelwright.llm.provider import PROVIDERS
from kernelwright.llm.providers.scripted import Scripted
from kernelwright.llm.secret import masked

KEY = "sk-0123456789abcdef"
ASK = ChatRequest((Message("user", "hello"),))


def test_every_packaged_preset_is_well_formed() -> None:
    presets = load_presets()
    environ = {str(p["api_key_env"]): KEY for p in presets.values() if "api_key_env" in p}
    for name in presets:
        settings = find_preset(name.replace("*", "some-model"), environ=environ)
        assert settings.base_url.startswith("http") and settings.model
        assert KEY not in repr(settings)


def test_a_key_comes_from_its_variable_only(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="AIKG_DEEPSEEK_API_KEY"):
        find_preset("deepseek_v3", environ={})
    settings = find_preset("deepseek_v3", environ={"AIKG_DEEPSEEK_API_KEY": KEY})
    assert settings.api_key.reveal() == KEY and settings.sampling.temperature == 0.0
    path = tmp_path / "presets.yaml"
    path.write_text(f"mine: {{api_base: http://x/v1, model: m, api_key: {KEY}}}")
    with pytest.raises(ValueError, match="api_key_env") as caught:
        find_preset("mine", path)
    assert KEY not in str(caught.value)


def test_local_servers_need_no_key_and_may_stand_elsewhere() -> None:
    settings = find_preset("ollama_qwen2.5-coder", environ={})
    assert settings.model == "qwen2.5-coder" and not settings.api_key
    moved = find_preset("vllm_m", environ={"AIKG_VLLM_API_BASE": "http://elsewhere/v1"})
    assert moved.base_url == "http://elsewhere/v1"


def test_the_environment_is_a_preset() -> None:
    environ = {
        "AIKG_BASE_URL": "http://old/v1",
        "AKG_AGENTS_BASE_URL": "http://new/v1",
        "AIKG_MODEL_NAME": "m",
        "AIKG_API_KEY": KEY,
        "AIKG_MODEL_ENABLE_THINK": "false",
    }
    settings = find_preset("env", environ=environ)
    assert (settings.base_url, settings.model) == ("http://new/v1", "m")
    assert settings.enable_think is False and settings.api_key.reveal() == KEY
    with pytest.raises(ValueError, match="AIKG_BASE_URL"):
        find_preset("env", environ={})


@pytest.mark.parametrize(
    "text",
    ["[]", "mine: 3", "mine: {modl: x}", "mine: {temperature: 1, without: [magic]}", "{",
     "mine: {timeout_s: long}", "mine: {provider: nobody}"],
)  # fmt: skip
def test_malformed_presets_are_value_errors(text: str, tmp_path: Path) -> None:
    path = tmp_path / "presets.yaml"
    path.write_text(text)
    with pytest.raises(ValueError):
        find_preset("mine", path, environ={})


def test_unknown_names_are_value_errors() -> None:
    with pytest.raises(ValueError, match="deepseek_v3"):
        create_model("deepsek_v3")
    with pytest.raises(ValueError, match="openai_compatible"):
        find_provider("openai_compatibel")
    with pytest.raises(UnknownNameError):
        open_model(ModelSettings(provider="nobody"))


def test_every_provider_loads_and_class_names_of_the_reference_system_are_known() -> None:
    for name in PROVIDERS.names():
        assert callable(find_provider(name)), name
    assert {"OpenAIChatClient", "PanguClient", "scripted", "acp"} <= set(provider_names())


def test_users_register_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from kernelwright.llm import provider

    monkeypatch.setattr(provider, "_registered", {})
    register_provider("mine", lambda settings: Scripted(["mine"], name=settings.model))
    assert open_model(ModelSettings("mine", "m")).complete(ASK).text == "mine"
    with pytest.raises(ValueError, match="already"):
        register_provider("mine", lambda settings: Scripted([]))
    with pytest.raises(ValueError, match="already"):
        register_provider("pangu", lambda settings: Scripted([]))


def test_a_script_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "- {match: 'not this', text: no}\n- {text: 'yes', finish: length}\n"
    )
    settings = ModelSettings("scripted", options={"script": str(tmp_path / "s.yaml")})
    result = open_model(settings).complete(ASK)
    assert result.text == "yes" and result.truncated
    (tmp_path / "s.yaml").write_text("- {txt: no}\n")
    with pytest.raises(ConfigError, match="txt"):
        open_model(settings)


def test_a_missing_sdk_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingDependencyError, match=r"kernelwright\[llm\]"):
        open_model(ModelSettings(model="m", base_url="http://127.0.0.1:1/v1"))


def test_secrets_do_not_print() -> None:
    secret = Secret("a-very-secret-value")
    settings = ModelSettings(api_key=secret, headers={"h": secret})
    for text in (repr(secret), str(secret), f"{secret:>40}", repr(settings), str([secret])):
        assert "a-very-secret" not in text
    assert masked("it is a-very-secret-value.") == "it is ***."
    assert masked("http://user:pass@host/x") == "http://***@host/x"
    with pytest.raises(TypeError):
        import pickle

        pickle.dumps(settings)
    Secret("xxxx")
    assert masked("xxxx stays: it is no key") == "xxxx stays: it is no key"


def test_names_of_variables_that_hold_keys() -> None:
    keys = ["OPENAI_API_KEY", "AIKG_API_KEY", "HF_TOKEN", "DB_PASSWORD", "APIKEY", "my_secret"]
    other = ["PATH", "KEYBOARD", "TOKENIZERS_PARALLELISM", "SSH_AUTH_SOCK", "MONKEY_ISLAND"]
    assert secret_variables(dict.fromkeys([*keys, *other], "x")) == keys


def test_variables_that_are_not_set_are_left_out() -> None:
    assert environment_of(["A", "B"], {"A": "1", "C": "2"}) == {"A": "1"}


# ---- what is remembered ----------------------------------------------------------------------


def test_two_processes_learn_without_losing_anything(tmp_path: Path) -> None:
    one, two = (EndpointMemory("http://u:secret-pw@x/v1?key=1", "m", tmp_path) for _ in range(2))
    one.learn("tools", False, "refused")
    two.learn("seed", True)
    again = EndpointMemory("http://x/v1", "m", tmp_path)
    assert EndpointMemory("http://u:secret-pw@x/v1", "m", tmp_path).known() == {
        "tools": False,
        "seed": True,
    }
    assert again.known() == {}
    texts = [p.read_text() for p in tmp_path.rglob("*.json")]
    assert texts and not any("secret-pw" in text for text in texts)


def test_what_was_learnt_ages_and_a_spoilt_file_is_written_anew(tmp_path: Path) -> None:
    now = [1000.0]
    memory = EndpointMemory("http://x", "m", tmp_path, clock=lambda: now[0])
    memory.learn("tools", False)
    assert "tools" not in memory.usable()
    now[0] += KEPT_S + 1
    assert "tools" in memory.usable()
    assert memory.path is not None
    memory.path.write_text("{")
    fresh: Any = EndpointMemory("http://x", "m", tmp_path)
    fresh.learn("seed", False)
    assert EndpointMemory("http://x", "m", tmp_path).known() == {"seed": False}

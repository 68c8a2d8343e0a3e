"""load_config, and what a Task may be asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kernelwright.agents.record import ActionType
from kernelwright.backends import MATRIX
from kernelwright.errors import UsageError
from kernelwright.task.agent_settings import settings_of
from kernelwright.task.combination import check_task_config, check_task_type
from kernelwright.task.task_config import documents, load_config
from kernelwright.task.workflow import find_workflow


@pytest.fixture(autouse=True)
def no_log_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIKG_LOG_DIR", "AKG_AGENTS_LOG_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_defaults() -> None:
    one, other = load_config(), load_config()
    assert re.fullmatch(r"Task_[a-z0-9]{8}", one["log_dir"].name)
    assert one["log_dir"].parent == Path("~/aikg_logs").expanduser()
    assert one["log_dir"] != other["log_dir"]
    assert one["profile_settings"] == {"run_times": 50, "warmup_times": 5}
    assert one["verify_timeout"] == 300
    for agent in ("aul_designer", "triton_coder_fix", "conductor_check", "designer", "coder"):
        assert agent in one["agent_model_config"]
    assert {"designer", "coder"} <= set(one["docs_dir"])
    assert settings_of(one, "triton").models == ()


def test_a_file_overlays_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"agent_model_config:\n  conductor_check: deepseek_v3_default\nlog_dir: {tmp_path}\n"
        "profile_settings:\n  run_times: 7\n"
    )
    for config in (load_config(path), load_config(str(path)), load_config(config_path=path),
                   load_config("triton", str(path))):  # fmt: skip
        assert config["log_dir"].parent == tmp_path
        assert config["profile_settings"] == {"run_times": 7, "warmup_times": 5}
        assert config["agent_model_config"]["aul_designer"] == "builtin"
        assert settings_of(config, "triton").models == ("deepseek_v3_default",)


def test_documents_for_models(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("two")
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "c.py").write_text("no")
    folders = {"designer": str(tmp_path), "coder": str(tmp_path)}
    assert documents({"docs_dir": folders}) == ["one", "two"]
    assert documents(load_config()) == []
    with pytest.raises(ValueError, match="nowhere"):
        documents({"docs_dir": {"coder": str(tmp_path / "nowhere")}})


def test_first_argument_is_a_path_when_it_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("settings").write_text("verify_timeout: 5\n")
    assert load_config("settings")["verify_timeout"] == 5
    assert load_config(dsl="triton_ascend")["verify_timeout"] == 300
    with pytest.raises(ValueError, match="fortran"):
        load_config("fortran")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("agent_model_config:\n  designr: builtin\n", "designr"),
        ("agent_model_config:\n  coder: gpt_of_my_own\n", "gpt_of_my_own"),
        ("agent_model_config: 3\n", "must map"),
        ("- a\n", "no settings"),
        ("a: [\n", "cannot be read"),
    ],
)
def test_bad_files_are_value_errors(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=said) as caught:
        load_config(path)
    assert isinstance(caught.value, UsageError)


def test_a_missing_file_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"nowhere\.yaml"):
        load_config("nowhere.yaml")


def test_the_environment_names_the_log_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIKG_LOG_DIR", str(tmp_path))
    assert load_config()["log_dir"].parent == tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("jax", "cpu", "x86_64", "triton"), "Unsupported framework: jax"),
        (("torch", "tpu", "x86_64", "triton"), "Framework torch does not support backend: tpu"),
        (("mindspore", "cuda", "a100", "triton"),
         "Framework mindspore does not support backend: cuda"),
        (("torch", "cpu", "riscv", "triton"), "Backend cpu does not support arch: riscv"),
        (("torch", "ascend", "a100", "triton"), "Backend ascend does not support arch: a100"),
        (("torch", "cpu", "x86_64", "swft"), "Arch x86_64 does not support impl_type: swft"),
        (("torch", "cpu", "x86_64", "cobol"), "Arch x86_64 does not support impl_type: cobol"),
        (("mindspore", "ascend", "ascend310p3", "triton"),
         "Arch ascend310p3 does not support impl_type: triton"),
    ],
)  # fmt: skip
def test_messages_for_what_does_not_exist(
    arguments: tuple[str, str, str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        check_task_config(*arguments)
    assert isinstance(caught.value, UsageError)


def test_dsl_is_called_dsl() -> None:
    with pytest.raises(ValueError, match="does not support dsl: swft"):
        check_task_config("torch", "cpu", "x86_64", "swft", option="dsl")


def test_every_row_of_the_table_is_accepted_in_any_case() -> None:
    archs = {"cpu": "X86_64", "cuda": "H100", "ascend": "Ascend910B4"}
    for row in MATRIX:
        arch = "ascend310p3" if "ascend310p3" in row.archs else archs[row.backend]
        for framework in row.frameworks:
            check_task_config(framework.upper(), row.backend.title(), arch, row.impl_type.upper())


def test_task_types() -> None:
    check_task_type("profile")
    with pytest.raises(ValueError, match="task_type must be precision_only or profile"):
        check_task_type("speed")


def test_workflows(tmp_path: Path) -> None:
    assert find_workflow("coder_only_workflow").start is ActionType.DO_CODER_DIRECT
    assert find_workflow("coder_only_workflow").max_step == 6
    assert find_workflow("verifier_only").start is ActionType.VERIFY
    assert find_workflow("config/default_workflow.yaml").start is ActionType.DO_DESIGNER
    path = tmp_path / "mine.yaml"
    path.write_text("start_agent: coder\nlimitation_info:\n  required:\n    max_step: 3\n")
    assert find_workflow(path).max_step == 3
    path.write_text("start_agent: poet\n")
    with pytest.raises(ValueError, match="start_agent"):
        find_workflow(path)
    with pytest.raises(ValueError, match="unknown workflow 'nothing'"):
        find_workflow("nothing")

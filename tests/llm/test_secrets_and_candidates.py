"""Keys do not reach the processes that run candidates or references."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernelwright.llm import ModelSettings, Secret, open_model, secrets
from kernelwright.sandbox import process as sp

KEY, TOKEN = "sk-never-in-a-child-0123", "token-never-in-a-child-0123"
JOB = '''
import os
from pathlib import Path


def answer(channel):
    """What this process could look for a key in."""
    channel.receive()
    texts = [repr(dict(os.environ))]
    for name in ("environ", "cmdline"):
        texts.append(Path(f"/proc/self/{name}").read_bytes().decode(errors="replace"))
        try:
            texts.append(Path(f"/proc/{os.getppid()}/{name}").read_bytes().decode(errors="replace"))
        except OSError:
            pass
    channel.send({"found": "\\n".join(texts)})
'''


@pytest.mark.parametrize("isolated", [True, False])
def test_a_child_finds_no_key(
    isolated: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("AIKG_DEEPSEEK_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    (tmp_path / "looking_job.py").write_text(JOB)
    settings = ModelSettings(
        model="m", base_url="http://127.0.0.1:1/v1", api_key=Secret(KEY),
        headers=secrets({"csb-token": TOKEN}),
    )  # fmt: skip
    open_model(settings)
    with sp.start(
        "looking_job:answer",
        isolated=isolated,
        readable=[tmp_path],
        env={"PYTHONPATH": str(tmp_path)},
        limits=sp.Limits(wall_s=60.0, cpu_s=30.0),
    ) as child:
        found = child.request({}, [], timeout_s=30).header["found"]
    assert "PATH" in found, "the job saw nothing at all"
    assert KEY not in found and TOKEN not in found

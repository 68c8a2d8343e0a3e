"""``kernelwright ops`` says what the compiler's own tables say."""

from __future__ import annotations

import json
import subprocess
import sys

from typer.testing import CliRunner

from kernelwright.backends import impl_types
from kernelwright.cli.main import app
from kernelwright.graph.ops import all_ops


def _json(*arguments: str) -> dict[str, list[dict[str, object]]]:
    done = CliRunner().invoke(app, ["ops", "--json", *arguments])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_every_graph_op_is_listed_once() -> None:
    listed = [row["op"] for row in _json()["graph_ops"]]
    assert sorted(listed) == sorted(set(all_ops()) - {"call"})


def test_a_backend_has_its_own_impl_types() -> None:
    columns = _json("--backend", "cuda")["lowered_by"]
    assert [c["impl_type"] for c in columns] == impl_types("cuda")
    assert len(_json()["lowered_by"]) > len(columns)


def test_the_table_names_what_stays_in_the_library() -> None:
    done = CliRunner().invoke(app, ["ops", "--backend", "cpu"])
    assert done.exit_code == 0
    assert "softmax" in done.stdout
    assert "conv2d" in done.stdout.partition("run in the library:")[2]


def test_an_unknown_backend_is_a_usage_error() -> None:
    text = "from kernelwright.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", text, "ops", "--backend", "gpu"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "unknown backend" in done.stderr


def test_listing_needs_no_torch() -> None:
    text = "import sys; from kernelwright.compiler.coverage import coverage, aten_ops; coverage(); "
    text += "aten_ops(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", text]).returncode == 0

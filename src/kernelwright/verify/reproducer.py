"""A script that repeats one failure without the judge: reference, candidate, law and seed."""

from __future__ import annotations

from pathlib import Path

from kernelwright.schema import Candidate, TaskSpec
from kernelwright.verify.candidate_process import write_folder

_SCRIPT = '''"""Repeats: {status} ({check}).

{reason}

Run it with a Python that has kernelwright{extra} installed. It runs the candidate in this very
process, without any isolation: read kernel.py first if you do not trust it.
"""

from pathlib import Path

from kernelwright.frameworks import FRAMEWORKS
from kernelwright.frameworks._reduce import reduced_inputs
from kernelwright.verify.compare import Outputs, judge_outputs
from kernelwright.verify.laws import apply_law

HERE = Path(__file__).parent
LAW, SEED, REDUCED = {law!r}, {seed!r}, {reduced!r}

framework = FRAMEWORKS.get({framework!r})
model = framework.load((HERE / "reference.py").read_text(), "reference.py")
call, _ = framework.load_candidate(
    HERE / "candidate" / {entry!r}, model.init_inputs, model.state(), {device!r}
)
own = model.make_inputs(SEED)
if REDUCED:
    own = reduced_inputs(model, own) or own
inputs = apply_law(LAW, own, SEED)
natives, structure = framework.flatten(call(*[framework.to_native(v, {device!r}) for v in inputs]))
candidate = Outputs([framework.to_numpy(n) for n in natives], structure)
inputs = apply_law(LAW, own, SEED)  # again, in case the candidate wrote to them
result = model.run(inputs)
verdict = judge_outputs(model.truth(inputs), Outputs(result.outputs, result.structure), candidate)
print(f"law {{LAW}}, seed {{SEED}}: {{verdict.status}} {{verdict.check or ''}}")
print(verdict.reason)
raise SystemExit(0 if verdict.passed else 1)
'''


def write_reproducer(
    folder: Path,
    spec: TaskSpec,
    candidate: Candidate,
    *,
    status: str,
    check: str,
    reason: str,
    law: str,
    seed: int,
    reduced: bool,
    device: str,
) -> Path:
    """Writes ``folder`` (reference.py, candidate/, reproduce.py) and gives the script's path."""
    (folder / "candidate").mkdir(parents=True, exist_ok=True)
    write_folder(candidate, folder / "candidate")
    (folder / "reference.py").write_text(spec.source, encoding="utf-8")
    script = folder / "reproduce.py"
    text = _SCRIPT.format(
        status=status,
        check=check,
        reason=reason.replace("\\", "/").replace('"""', "'''"),
        extra=f"[{spec.framework}]" if spec.framework != "numpy" else "",
        law=law,
        seed=seed,
        reduced=reduced,
        framework=spec.framework,
        entry=candidate.entry,
        device=device,
    )
    script.write_text(text, encoding="utf-8")
    return script

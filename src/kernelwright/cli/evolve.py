"""``kernelwright evolve``: a population of kernels, from models and the builtin compiler alike."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from kernelwright.cli.llm import LlmBudget, LlmPresets, LlmPrices, LlmStyle
from kernelwright.cli.options import (
    Arch,
    Backend,
    Baselines,
    Framework,
    Fresh,
    ImplType,
    Json,
    Strict,
    Unsandboxed,
    config_of,
    names,
    result_folders,
)
from kernelwright.cli.run import run_jobs
from kernelwright.errors import UsageError


def evolve(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="files that define Model and get_inputs()")
    ],
    rounds: Annotated[int, typer.Option(metavar="N", help="after the start")] = 4,
    parallel: Annotated[int, typer.Option(metavar="N", help="kernels of a round")] = 4,
    islands: Annotated[int, typer.Option(metavar="N", help="that evolve apart")] = 1,
    migrate: Annotated[
        int, typer.Option(metavar="N", help="rounds between exchanges of islands; 0: never")
    ] = 2,
    llm: Annotated[
        str, typer.Option(metavar="PRESET", help="the model that proposes too, or none")
    ] = "none",
    start: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="builtin (its first choice), poor (its smallest tiles), or a kernel file",
        ),
    ] = "builtin",
    only_llm: Annotated[
        bool, typer.Option("--only-llm", help="the builtin compiler proposes nothing")
    ] = False,
    wall: Annotated[
        float | None, typer.Option("--wall", metavar="SECONDS", help="no new round after these")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="of all that is drawn")] = 0,
    framework: Framework = "auto",
    backend: Backend = "auto",
    arch: Arch = "auto",
    impl_type: ImplType = "auto",
    baselines: Baselines = "eager",
    out_dir: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="result folder")
    ] = None,
    llm_budget: LlmBudget = "",
    llm_presets: LlmPresets = "",
    llm_prices: LlmPrices = "",
    llm_style: LlmStyle = "",
    fresh: Fresh = False,
    strict_ieee: Strict = False,
    allow_unsandboxed: Unsandboxed = False,
    as_json: Json = False,
) -> None:
    """Evolve a verified kernel for every FILE.

    Examples:

        kernelwright evolve examples/softmax.py --rounds 6 --llm none

        kernelwright evolve model.py --llm ollama_qwen3 --islands 2 --llm-budget requests=60
    """
    from kernelwright.cli.tables import evolution_remarks
    from kernelwright.task.agent_settings import AgentSettings, limits_from
    from kernelwright.task.evolution import Plan
    from kernelwright.task.evolve import evolve_file

    folders = result_folders(files, out_dir)

    def job(path: Path, observer: Any) -> Any:
        from kernelwright.search import PopulationSettings

        if rounds < 0 or parallel < 1:
            raise UsageError("--rounds must be at least 0 and --parallel at least 1")
        if only_llm and llm == "none":
            raise UsageError("--only-llm goes with --llm PRESET")
        try:
            population = PopulationSettings(islands, migrate, seed=seed)
        except ValueError as error:
            raise UsageError(str(error)) from None
        plan = Plan(
            rounds, parallel, wall_s=wall, poor=start == "poor", builtin=not only_llm,
            population=population,
        )  # fmt: skip
        given = () if start in ("builtin", "poor") else (start,)
        changed: dict[str, Any] = {"presets": llm_presets, "prices": llm_prices}
        changed |= {"style": llm_style} if llm_style else {}
        changed |= {"limits": limits_from(llm_budget)} if llm_budget else {}
        settings = AgentSettings() if llm == "none" else AgentSettings(coder=llm)
        return evolve_file(
            path, plan, settings=dataclasses.replace(settings, **changed), out=folders[path],
            given=given, framework=framework, backend=backend, arch=arch, impl_type=impl_type,
            baselines=names(baselines), fresh=fresh, observer=observer,
            config=config_of(allow_unsandboxed, strict_ieee),
        )  # fmt: skip

    run_jobs(list(folders), job, as_json, remarks=evolution_remarks)

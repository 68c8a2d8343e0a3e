"""A build process's main: prints and compiles one design's candidates, point by point. Trusted:
what it compiles our own printers have written."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelwright.agents.coder import BuiltinCoder
from kernelwright.compiler.design import Design
from kernelwright.compiler.design_file import design_from_dict
from kernelwright.sandbox.channel import Channel
from kernelwright.sandbox.worker import Answer, serve
from kernelwright.schema import Candidate, Target, TaskSpec


class _Worker:
    """``learn`` once, then ``code`` as often as wanted."""

    def __init__(self) -> None:
        self.designs: dict[str, Design] = {}
        self.coder: BuiltinCoder

    def learn(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        spec = {**header["spec"], "target": Target(**header["spec"]["target"])}
        self.coder = BuiltinCoder(TaskSpec(**spec))
        named = dict(zip(header["arrays"], arrays))
        self.designs[header["name"]] = design_from_dict(header["design"], named)
        return {}, []

    def code(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        design = self.designs[header["name"]]
        made = self.coder.code(design, header["impl_type"], header["parameters"])
        return candidate_to_header(made)


def candidate_to_header(candidate: Candidate) -> Answer:
    """A candidate as a message; ``candidate_of`` is its inverse."""
    files = [np.frombuffer(data, np.uint8) for data in candidate.files.values()]
    return {
        "files": list(candidate.files),
        "entry": candidate.entry,
        "impl_type": candidate.impl_type,
        "producer": candidate.producer,
        "parameters": dict(candidate.parameters),
        "design": candidate.design,
        "stages": dict(candidate.stages),
    }, files


def candidate_of(header: dict[str, Any], arrays: list[Any]) -> Candidate:
    files = {name: np.asarray(a).tobytes() for name, a in zip(header["files"], arrays)}
    return Candidate(
        files, header["entry"], header["impl_type"], header["producer"], None,
        header["parameters"], header["design"], header["stages"],
    )  # fmt: skip


def main(channel: Channel) -> None:
    worker = _Worker()
    serve(channel, {"learn": worker.learn, "code": worker.code})

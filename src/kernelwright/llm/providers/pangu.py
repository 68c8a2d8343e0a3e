"""Pangu models behind an OpenAI-style server: their thinking stands in the text, between markers,
and is switched off by a word at the end of the last user message."""

from __future__ import annotations

import dataclasses

from kernelwright.llm.chat import ChatRequest
from kernelwright.llm.providers.openai_compatible import OpenAICompatible
from kernelwright.llm.thinking import PANGU, THINK

NO_THINK = " /no_think"


class Pangu(OpenAICompatible):
    """``enable_think`` False asks for an answer without thinking."""

    markers = (*PANGU, *THINK)

    def prepared(self, request: ChatRequest) -> ChatRequest:
        if self.settings.enable_think is not False:
            return request
        last = max((i for i, m in enumerate(request.messages) if m.role == "user"), default=-1)
        messages = [
            dataclasses.replace(m, text=m.text + NO_THINK)
            if i == last and not m.text.endswith(NO_THINK)
            else m
            for i, m in enumerate(request.messages)
        ]
        return dataclasses.replace(request, messages=tuple(messages))


PROVIDER = Pangu

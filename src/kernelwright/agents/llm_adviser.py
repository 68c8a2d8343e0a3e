"""A model's advice to the Conductor, where a workflow asks for it. It never decides."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from kernelwright.agents.conductor import Advice, suggestions_from
from kernelwright.agents.conversation import step_name
from kernelwright.agents.prompting import prompt
from kernelwright.agents.record import Record
from kernelwright.errors import BudgetExhausted, ModelError, ReplayMismatch
from kernelwright.llm.chat import ChatModel, ChatRequest, Message
from kernelwright.schema import TaskSpec

log = logging.getLogger(__name__)


class LlmAdviser:
    """Asks ``model`` which of the open agents should act next."""

    def __init__(self, model: ChatModel) -> None:
        self.model = model

    def advise(
        self, spec: TaskSpec, records: Sequence[Record], choices: Sequence[str]
    ) -> Advice | None:
        """None when the model gives no usable answer: the Conductor then goes by its own rules.
        Raises BudgetExhausted and ReplayMismatch."""
        text = prompt(
            "adviser",
            op_name=spec.op_name,
            what=spec.impl_type,
            target=str(spec.target),
            steps=[_line(record) for record in records],
            problem=suggestions_from(records[-1]),
            choices=list(choices),
        )
        schema = {
            "type": "object",
            "properties": {
                "agent": {"type": "string", "enum": list(choices)},
                "suggestions": {"type": "string"},
            },
            "required": ["agent", "suggestions"],
            "additionalProperties": False,
        }
        request = ChatRequest(
            (Message("user", text),), schema=schema, step=step_name(records, "conductor")
        )
        try:
            value = self.model.complete(request).value
        except (BudgetExhausted, ReplayMismatch):
            raise
        except ModelError as error:
            log.warning("no advice on what to do next: %s", error)
            return None
        if not isinstance(value, dict) or value.get("agent") not in choices:
            return None
        return Advice(str(value["agent"]), str(value.get("suggestions", "")))


def _line(record: Record) -> str:
    outcome = "ok" if record.ok else (record.error_log.strip().split("\n") or [""])[0][:200]
    return f"{record.action_type.value}: {outcome}"

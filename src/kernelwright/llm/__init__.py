"""Talking to language models: any provider, with budgets, retries and a record.

Importing this loads no SDK; ``open_model`` does when it must.
"""

from __future__ import annotations

from kernelwright.llm.budget import Budget, Estimate, Limits, Spent, estimate
from kernelwright.llm.chat import (
    ChatModel,
    ChatRequest,
    ChatResult,
    Delta,
    Message,
    Sampling,
    Tool,
    ToolCall,
    Usage,
)
from kernelwright.llm.code import code_blocks, longest_code, without_main
from kernelwright.llm.opening import create_model, open_model
from kernelwright.llm.presets import find_preset
from kernelwright.llm.prices import Price, PriceTable, read_prices
from kernelwright.llm.provider import find_provider, provider_names, register_provider
from kernelwright.llm.recording import Recorded, Recorder, read_recording
from kernelwright.llm.replaying import Replay, replay
from kernelwright.llm.retry import RetryPolicy
from kernelwright.llm.secret import Secret
from kernelwright.llm.settings import ModelSettings, secrets

__all__ = [
    "Budget",
    "ChatModel",
    "ChatRequest",
    "ChatResult",
    "Delta",
    "Estimate",
    "Limits",
    "Message",
    "ModelSettings",
    "Price",
    "PriceTable",
    "Recorded",
    "Recorder",
    "Replay",
    "RetryPolicy",
    "Sampling",
    "Secret",
    "Spent",
    "Tool",
    "ToolCall",
    "Usage",
    "code_blocks",
    "create_model",
    "estimate",
    "find_preset",
    "find_provider",
    "longest_code",
    "open_model",
    "provider_names",
    "read_prices",
    "read_recording",
    "register_provider",
    "replay",
    "secrets",
    "without_main",
]

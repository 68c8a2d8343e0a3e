"""What a provider is: one try of one request, in the features it is allowed to use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kernelwright.errors import UnknownNameError
from kernelwright.llm.chat import ChatRequest, ChatResult, OnDelta
from kernelwright.llm.replaying import Replay
from kernelwright.llm.settings import ModelSettings
from kernelwright.registry import Registry


@dataclass(frozen=True)
class Sending:
    """``features``: what may be used (llm/features.py). ``json_object``: ask for any JSON object,
    not for the request's schema. ``timeout_s``: for the whole reply."""

    features: frozenset[str]
    json_object: bool = False
    timeout_s: float = 600.0


class Provider(Protocol):
    """``endpoint``: an address for people, without credentials. ``features``: what this kind of
    provider can express at all. ``account``: a hash that tells keys apart for the limiter."""

    name: str
    endpoint: str
    features: frozenset[str]
    account: int

    def send(self, request: ChatRequest, how: Sending, on_delta: OnDelta) -> ChatResult:
        """One try. Raises Failure."""
        ...

    def close(self) -> None: ...


ProviderFactory = Callable[[ModelSettings], Provider | Replay]
PROVIDERS: Registry[ProviderFactory] = Registry(
    "provider", "kernelwright.llm.providers", "PROVIDER"
)
# Names that users of other systems write, and what users register at run time.
_ALIASES = {"OpenAIChatClient": "openai_compatible", "PanguClient": "pangu"}
_registered: dict[str, ProviderFactory] = {}


class UnknownProvider(UnknownNameError, ValueError):
    """No provider of that name; a ValueError too."""


def provider_names() -> list[str]:
    """Every name that ``find_provider`` takes."""
    return sorted({*PROVIDERS.names(), *_ALIASES, *_registered})


def find_provider(name: str) -> ProviderFactory:
    """The factory called ``name``: a module of llm/providers, a class name of the reference system,
    or one that was registered. Raises UnknownProvider (a ValueError)."""
    if name in _registered:
        return _registered[name]
    module = _ALIASES.get(name, name)
    if module not in PROVIDERS.names():
        raise UnknownProvider("provider", name, provider_names())
    return PROVIDERS.get(module)


def register_provider(name: str, factory: ProviderFactory, *, replace: bool = False) -> None:
    """Makes ``factory`` known as ``name`` in this process. Raises ValueError for a taken name."""
    if not replace and name in provider_names():
        raise ValueError(f"there is a provider {name!r} already; give replace=True to replace it")
    _registered[name] = factory

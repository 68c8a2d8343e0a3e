from kernelwright.agents.conductor import Conductor

__all__ = ["Conductor"]

"""Graph, its ops and their meaning in NumPy."""

from kernelwright.graph.core import DTYPES, Builder, Graph, Node, OpDef, TensorType, is_float

__all__ = ["DTYPES", "Builder", "Graph", "Node", "OpDef", "TensorType", "is_float"]

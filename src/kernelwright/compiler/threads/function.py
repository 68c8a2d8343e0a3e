"""What ``lower`` makes: a loop IR function of one thread, and how many of them a block has."""

from __future__ import annotations

from dataclasses import dataclass, field

from kernelwright.compiler.loops.builder import INDEX
from kernelwright.compiler.loops.ir import Function, Memory, Value

# Instructions beside those of loops.ir.OPS; no CPU printer knows them.
THREAD_OPS = {
    "lanes": "attrs: values (ints); one number a lane",
    "concat": "the lanes of all arguments, one after the other",
    "exchange": "attrs: mask; the argument of the thread whose number differs in these bits, within"
    " 32 neighbouring threads; all of them must come here",
    "barrier": "no result: the block's threads wait for one another, and what one has stored in"
    " shared memory the others load from here on",
    "put": "attrs: memory, update, atomic; args: index, value, mask: lane by lane, where the mask"
    " is set, the value is stored at its index or combined with what stands there",
}


@dataclass(eq=False)
class ThreadFunction(Function):
    """The work of one thread of block ``core``. ``thread`` is its number in the block (an int64
    scalar), ``threads`` how many there are; ``shared`` memory is the block's."""

    thread: Value = field(default_factory=lambda: Value(INDEX))
    threads: int = 32
    shared: list[Memory] = field(default_factory=list)

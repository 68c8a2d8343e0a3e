"""AUL for the threads of a GPU: a core is a block, and every thread of it has a part of each tile.

``lower`` makes loop IR of what one thread does; ``layout`` says which elements of a tile it has.
"""

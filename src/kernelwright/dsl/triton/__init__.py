"""impl_type triton: static checks, ahead-of-time compilation without a GPU, a guide for authors."""

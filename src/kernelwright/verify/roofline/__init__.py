"""The fastest that a kernel can be on this device: bytes, operations, measured rates."""

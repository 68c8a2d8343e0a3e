import pytest

pytest.register_assert_rewrite("kernelwright.testing.sandbox_suite")

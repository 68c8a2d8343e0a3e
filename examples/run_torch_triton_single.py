import asyncio

from ai_kernel_generator.config.config_validator import load_config
from ai_kernel_generator.core.async_pool.device_pool import DevicePool
from ai_kernel_generator.core.async_pool.task_pool import TaskPool
from ai_kernel_generator.core.task import Task


def get_op_name():
    return "relu"


def get_task_desc():
    return '''
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super(Model, self).__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x)

batch_size = 16
dim = 16384

def get_inputs():
    x = torch.randn(batch_size, dim, dtype=torch.float16)
    return [x]

def get_init_inputs():
    return []
'''


async def run_torch_triton_single():
    op_name = get_op_name()
    task_desc = get_task_desc()

    task_pool = TaskPool()
    device_pool = DevicePool([0])
    config = load_config()

    task = Task(
        op_name=op_name,
        task_desc=task_desc,
        task_id="0",
        impl_type="triton",
        backend="cpu",
        arch="x86_64",
        config=config,
        device_pool=device_pool,
        framework="torch"
    )

    task_pool.create_task(task.run)
    results = await task_pool.wait_all()
    for op_name, result in results:
        print(f"Task {op_name} {'passed' if result else 'failed'}")


if __name__ == "__main__":
    asyncio.run(run_torch_triton_single())

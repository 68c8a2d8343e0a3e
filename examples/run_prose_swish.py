import asyncio

from ai_kernel_generator.config.config_validator import load_config
from ai_kernel_generator.core.async_pool.device_pool import DevicePool
from ai_kernel_generator.core.task import Task

global_device_pool = DevicePool([0])

# Create a task instance
task = Task(
    op_name="swish",
    task_desc="Swish activation function: x * sigmoid(beta * x)",
    backend="cpu",
    arch="x86_64",
    impl_type="triton",
    config=load_config(),
    device_pool=global_device_pool
)

# Execute the task
async def run_task():
    success = await task.run()
    print(f"Task completed: {success}")


asyncio.run(run_task())

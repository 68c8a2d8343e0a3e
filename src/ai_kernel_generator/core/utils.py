from kernelwright.agents.record import ActionType, ParsedCode, Record
from kernelwright.task.combination import check_task_config, check_task_type

__all__ = ["ActionType", "ParsedCode", "Record", "check_task_config", "check_task_type"]

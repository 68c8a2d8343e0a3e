from __future__ import annotations

import dataclasses
import json

from kernelwright.schema import Evaluation, Measurement, Status

MEASURED = Measurement(
    10.0, {"eager": 20.0, "compile": 12.0}, 2.0, 1.9, 2.1, 1.2, warm_us={"candidate": 7.0},
    latency_us={"candidate": 11.0}, samples_us={"candidate": (10.0, 11.0)},
    speedup_best_low=1.1, speedup_best_high=1.3,
)  # fmt: skip


def test_a_measurement_survives_json() -> None:
    evaluation = Evaluation(Status.PASSED, measurement=MEASURED)
    again = Evaluation.from_dict(json.loads(json.dumps(evaluation.to_dict())))
    assert again == evaluation
    assert again.measurement is not None and again.measurement.fastest_baseline == "compile"


def test_records_of_earlier_versions_are_read() -> None:
    old = dataclasses.asdict(MEASURED)
    for name in ("warm_us", "latency_us", "speedup_best_low", "speedup_best_high"):
        del old[name]
    old["environment"] = {"threads": 2, "host_latency_us": {"candidate": 33.0}}
    read = Measurement.from_dict(old)
    assert read.warm_us == {} and read.speedup_best_low is None
    assert read.latency_us == {"candidate": 33.0}
    assert read.environment == {"threads": 2}

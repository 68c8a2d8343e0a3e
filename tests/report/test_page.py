"""The page as a browser gets it: what is said, in which order, and nothing from outside."""

from __future__ import annotations

import re
import shlex
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from kernelwright.report.page import render, write_report
from kernelwright.report.plots import bound_plot, timing_plot

HOSTILE = '"""</script><script>alert(1)</script><img src=x onerror=alert(2)>"""\nx = 1 < 2 & 3\n'
VOID = {"meta", "br", "img", "use", "path", "rect", "link"}


def measurement(**changes: Any) -> dict[str, Any]:
    return {
        "candidate_us": 100.0,
        "baselines_us": {"eager": 150.0},
        "speedup": 1.5,
        "speedup_low": 1.4,
        "speedup_high": 1.6,
        "speedup_best": 1.5,
        "bound_us": 80.0,
        "bound_percent": 80.0,
        "bytes_moved": 1000,
        "prepare_us": None,
        "cold": True,
        "device": "a CPU",
        "environment": {"threads": 2, "load_average": [0.1, 0.2, 0.3], "versions": {"numpy": "2"}},
        "samples_us": {"candidate": [99.0, 100.0, 101.0], "eager": [149.0, 150.0, 151.0]},
    } | changes


def evaluation(status: str = "PASSED", **changes: Any) -> dict[str, Any]:
    return {
        "status": status,
        "check": None if status == "PASSED" else "element_error",
        "reason": "",
        "error": {
            "candidate": 7e-8, "reference": 8e-8, "limit": 2e-6, "laws": ["own", "zeros"],
            "seeds": [1, 2],
        },
        "measurement": None,
        "reduced": False,
        "reproducer": None,
        "log": "",
        "notes": [],
        "policy": {"cuda_matmul_allow_tf32": False},
    } | changes  # fmt: skip


def record(evaluation: dict[str, Any], notes: list[str] | None = None, **changes: Any) -> Any:
    measured = evaluation["measurement"] or {}
    result = {
        "op": "softmax", "status": evaluation["status"], "check": evaluation["check"],
        "reason": evaluation["reason"], "impl_type": "cpp", "producer": "builtin",
        "error": 7e-8, "reference_error": 8e-8,
        "original_us": measured.get("baselines_us", {}).get("eager"),
        "optimized_us": measured.get("candidate_us"),
        "baselines_us": measured.get("baselines_us", {}),
        **{k: measured.get(k) for k in (
            "speedup", "speedup_low", "speedup_high", "speedup_best", "bound_us", "bound_percent",
        )},
        "returned": "candidate", "reduced": evaluation["reduced"], "out": "out",
    } | changes  # fmt: skip
    attempt = {"impl_type": "cpp", "hash": "0" * 16, "parameters": {}, "evaluation": evaluation}
    context = {"target": "cpu:x86_64", "versions": {"torch": "2"}}
    return {"result": result, "notes": notes or [], "context": context, "attempts": [attempt]}


def page(record: Any, **files: str) -> str:
    return render(record, reference="class Model: pass\n", files=files)


class Elements(HTMLParser):
    """Every element's name and attributes, whether tags nest, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_verdict_stands_first_and_the_numbers_have_units() -> None:
    text = page(record(evaluation(measurement=measurement())))
    elements = Elements(text)
    assert not elements.open
    visible = re.sub(r"\s+", " ", elements.text[elements.text.index("PASSED") :])
    order = [
        "The cpp kernel is verified and 1.50 times as fast as the framework (eager), at 80 % of",
        "1.50x", "100 µs", "eager: 150 µs", "7.0e-08", "framework's own: 8.0e-08", "which is 80 µs",
        "time per call (µs)", "Candidates", "own, zeros", "TF32 in matmul (CUDA)", "flushed",
        "0.1, 0.2, 0.3", "torch", "class Model",
    ]  # fmt: skip
    places = [visible.find(part, len("PASSED")) for part in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)


def test_two_plots_and_only_without_a_measurement_none() -> None:
    assert page(record(evaluation(measurement=measurement()))).count("<svg") == 2
    assert page(record(evaluation(measurement=measurement(bound_us=None)))).count("<svg") == 1
    text = page(record(evaluation()))
    assert "<svg" not in text
    assert "It was not timed." in text
    assert "None" not in Elements(text).text


def test_hostile_text_stays_text_wherever_it_comes_from() -> None:
    bad = evaluation("WRONG_VALUE", reason=HOSTILE, log=HOSTILE, notes=[HOSTILE])
    made = record(bad, notes=[HOSTILE + "2"], op=HOSTILE)
    text = render(made, reference=HOSTILE, files={"</summary>.py": HOSTILE, "kernel.cpp": HOSTILE})
    elements = Elements(text)
    names = {name for name, _ in elements.found}
    assert not names & {"script", "img"}
    assert not any(a.startswith("on") for _, attributes in elements.found for a in attributes)
    assert elements.text.count("alert(2)") >= 7
    assert not elements.open


@pytest.mark.parametrize("timed", [True, False])
def test_nothing_is_loaded_from_outside(timed: bool) -> None:
    text = page(record(evaluation(measurement=measurement() if timed else None)))
    for name, attributes in Elements(text).found:
        assert name not in ("link", "script", "iframe", "img")
        for key in ("src", "href", "xlink:href"):
            assert (attributes.get(key) or "#").startswith("#")
    assert not re.search(r"url\((?!#)|@import", text)
    urls = set(re.findall(r"https?://[^\s\"'<)]+", text))
    assert urls <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_a_failure_says_why_and_how_to_repeat_it(tmp_path: Path) -> None:
    script = tmp_path / "a folder" / "reproduce.py"
    bad = evaluation(
        "WRONG_VALUE", reason="output 0 is off", reproducer=str(script), log="first\nlast words"
    )
    visible = Elements(page(record(bad, returned=None))).text
    assert "No verified kernel" in visible
    assert "WRONG_VALUE (element_error), cpp" in visible
    assert "output 0 is off" in visible
    assert shlex.join([sys.executable, str(script)]) in visible
    assert "last words" in visible
    assert "as fast as eager" not in visible


def test_a_failed_attempt_beside_the_best_one_is_told() -> None:
    made = record(evaluation(measurement=measurement()))
    lost = {"impl_type": "mlir", "evaluation": evaluation("COMPILE_ERROR", reason="no such op")}
    made["attempts"].insert(0, lost)
    visible = Elements(page(made)).text
    assert "Other candidates that failed" in visible
    assert "no such op" in visible


def test_honest_notes_are_all_there_once() -> None:
    told = ["law huge dropped: the reference is not finite under it", "ran without isolation"]
    made = record(evaluation(notes=[*told, told[0]], reduced=True), notes=["the machine was busy"])
    text = page(made)
    for note in (*told, "the machine was busy"):
        assert Elements(text).text.count(note[1:]) == 1
    assert "PASSED on reduced sizes" in text
    assert "on reduced sizes only, and was not timed" in text


def test_a_baseline_that_won_is_the_verdict() -> None:
    slow = measurement(speedup=0.8, speedup_low=0.7, speedup_high=0.9)
    text = page(record(evaluation(measurement=slow), returned="eager"))
    assert "slower than the framework" in text
    assert "the baseline eager has the better median" in text


def test_a_broken_reference_blames_no_kernel() -> None:
    broken = evaluation("REFERENCE_BROKEN", error=None, reason="there is no class Model")
    made = record(broken, impl_type="auto", producer=None, returned=None)
    made["attempts"][0]["impl_type"] = "auto"
    visible = Elements(page(made)).text
    assert "The reference itself is at fault" in visible
    assert "there is no class Model" in visible
    assert "Candidates" not in visible


def test_a_long_source_is_cut_and_says_so() -> None:
    text = page(record(evaluation()), **{"kernel.s": "nop\n" * 30_000})
    assert "60,000 more characters are in the file" in text
    assert len(text) < 1_000_000


def test_the_same_record_gives_the_same_page(tmp_path: Path) -> None:
    made = record(evaluation(measurement=measurement()))
    pages = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        path = write_report(tmp_path / name, made, reference="x", files={})
        pages.append(path.read_text(encoding="utf-8"))
        assert [p.name for p in (tmp_path / name).iterdir()] == ["report.html"]
    assert pages[0] == pages[1]


def test_the_bound_is_drawn_among_the_times_only_where_it_is_near() -> None:
    samples = {"candidate": [100.0] * 9, "eager": [150.0] * 9}
    near, beyond = timing_plot(samples, 80.0)
    assert ">bound<" in near and beyond == 0
    assert ">bound<" not in timing_plot(samples, 2.0)[0]


def test_calls_beyond_the_axis_are_counted() -> None:
    samples = {"candidate": [100.0 + i % 7 for i in range(99)] + [9000.0]}
    assert timing_plot(samples, None)[1] == 1


def test_percents_below_one_keep_a_digit() -> None:
    assert ">0.5 %<" in bound_plot({"candidate": 200.0, "eager": 2000.0}, 1.0)


def test_cold_warm_and_latency_stand_side_by_side() -> None:
    times = measurement(
        warm_us={"candidate": 71.0, "eager": 120.0}, latency_us={"candidate": 133.0}
    )
    page = render(record(evaluation(measurement=times)), reference="", files={})
    for word in ("71", "120", "133", "warm<br>caches"):
        assert word in page
    old = render(record(evaluation(measurement=measurement())), reference="", files={})
    assert "warm<br>caches" in old  # a record of an earlier version, without these times


def test_a_time_below_the_bound_is_no_position_against_it() -> None:
    times = measurement(bound_us=120.0, bound_percent=None)
    page = render(record(evaluation(measurement=times)), reference="", files={})
    assert "Position against the bound" not in page and "120 %" not in page

"""The boundary to GPUs, with simulated ones: what is asked of driver, engine and bubblewrap."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from grading.sandboxes import container, doctor, gpus
from grading.sandboxes.base import Limits, SandboxUnavailable
from sandbox import cipher, commitment
from sandbox.agent.timing import Timing

INFORMATION = """\
Model: \t\t NVIDIA H100 80GB HBM3
IRQ:   \t\t 0
GPU UUID: \t {uuid}
Video BIOS: \t 96.00.89.00.01
Bus Location: \t 0000:00:0{minor}.0
Device Minor: \t {minor}
"""
FIRST, SECOND = (f"GPU-0000000{n}-aaaa-bbbb-cccc-000000000000" for n in (1, 2))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with two GPUs, and its driver."""
    for minor, uuid in enumerate((FIRST, SECOND)):
        folder = tmp_path / "gpus" / f"0000:00:0{minor}.0"
        folder.mkdir(parents=True)
        (folder / "information").write_text(INFORMATION.format(uuid=uuid, minor=minor))
    monkeypatch.setattr(gpus, "_KNOWN", tmp_path / "gpus")
    tools = tmp_path / "bin"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    driver = tmp_path / "driver"
    driver.mkdir()
    for name in ("libcuda.so.1", "libnvidia-ml.so.1", "libnvidia-encode.so.1", "libGL.so.1"):
        (driver / name).touch()
    say(tmp_path, "ldconfig", f"echo '\tlibcuda.so.1 (libc6,x86-64) => {driver}/libcuda.so.1'")
    say(tmp_path, "nvidia-smi", "echo 0")
    return tmp_path


def say(host: Path, program: str, script: str) -> None:
    file = host / "bin" / program
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_a_gpu_is_found_by_its_uuid(host: Path) -> None:
    found = gpus.find(SECOND)
    assert (found.uuid, found.name, found.minor) == (SECOND, "NVIDIA H100 80GB HBM3", 1)


def test_who_asks_for_another_is_told_which_are_there(host: Path) -> None:
    with pytest.raises(SandboxUnavailable, match=f"{FIRST} \\(NVIDIA H100"):
        gpus.find("GPU-of-yesterday")


def test_a_sandbox_sees_its_own_device_and_the_drivers_libraries(host: Path) -> None:
    options = gpus.binds(gpus.find(SECOND))
    devices = [part for part in options if part.startswith("/dev/")]
    assert set(devices) == {"/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia1"}
    shown = [part for part in options if part.startswith(gpus.DRIVER)]
    assert shown == [gpus.DRIVER, *(f"{gpus.DRIVER}/lib{n}.so.1" for n in ("cuda", "nvidia-ml"))]


def test_without_a_driver_it_is_said(host: Path) -> None:
    say(host, "ldconfig", "true")
    with pytest.raises(SandboxUnavailable, match="driver"):
        gpus.libraries()


@pytest.mark.parametrize(
    ("driver", "request_"),
    [
        (
            "nvidia",
            {
                "Driver": "nvidia",
                "DeviceIDs": [FIRST],
                "Capabilities": [["gpu", "compute", "utility"]],
            },
        ),
        ("cdi", {"Driver": "cdi", "DeviceIDs": [f"nvidia.com/gpu={FIRST}"]}),
    ],
)
def test_the_engine_is_asked_for_this_gpu_alone(
    host: Path, driver: str, request_: dict[str, Any]
) -> None:
    asked = gpus.device_request(gpus.find(FIRST), driver)
    body = container.settings(
        image="i",
        runtime="runc",
        slot=1,
        limits=Limits(),
        stream=host,
        cpus="0",
        labels={},
        gpu=asked,
    )
    assert body["HostConfig"]["DeviceRequests"] == [request_]
    assert body["HostConfig"]["CapDrop"] == ["ALL"]


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("echo 0", None),
        ("echo '[N/A]'", None),
        ("echo 3", "3 uncorrected memory errors"),
        ("echo 'Unable to determine the device handle: GPU is lost' >&2; exit 15", "GPU is lost"),
        ("sleep 5", "doesn't answer"),
    ],
)
def test_the_probe_tells_a_well_gpu_from_an_ill_one(
    host: Path, monkeypatch: pytest.MonkeyPatch, script: str, fault: str | None
) -> None:
    monkeypatch.setattr(gpus, "_ANSWER_S", 0.5)
    say(host, "nvidia-smi", script)
    found = gpus.fault(gpus.find(FIRST))
    assert found == fault if fault is None else fault in (found or "")


def hold(folder: Path, gpu: gpus.Gpu, held: Any, go: Any) -> None:
    with gpus.Slot(gpu, folder).lease(lambda: None):
        held.set()
        go.wait(10)


def test_one_run_at_a_time_has_it_and_a_dead_one_gives_it_back(host: Path) -> None:
    gpu, folder = gpus.find(FIRST), host / "locks"
    context = multiprocessing.get_context("fork")
    held, go = context.Event(), context.Event()
    other = context.Process(target=hold, args=(folder, gpu, held, go))
    other.start()
    assert held.wait(10)
    slot, looks = gpus.Slot(gpu, folder), []

    def kill_it() -> None:
        looks.append(1)
        if len(looks) == 3:
            other.kill()

    with slot.lease(kill_it):
        assert len(looks) >= 3
    with gpus.Slot(gpus.find(SECOND), folder).lease(lambda: pytest.fail("it is free")):
        pass
    other.join()


def test_who_waits_for_it_may_give_up(host: Path) -> None:
    gpu = gpus.find(FIRST)

    class GivenUp(Exception):
        pass

    def give_up() -> None:
        raise GivenUp

    with (
        gpus.Slot(gpu, host).lease(lambda: None),
        pytest.raises(GivenUp),
        gpus.Slot(gpu, host).lease(give_up),
    ):
        pass


def test_an_ill_gpu_gets_no_further_run(host: Path) -> None:
    slot = gpus.Slot(gpus.find(FIRST), host)
    with slot.lease(lambda: None):
        say(host, "nvidia-smi", "echo 1")
    assert "uncorrected" in (slot.fault or "")
    with pytest.raises(SandboxUnavailable, match="out of order"), slot.lease(lambda: None):
        pass


class Described:
    def __init__(self, gpu: str | None) -> None:
        self._gpu = gpu

    def describe(self) -> dict[str, Any]:
        return {"gpu": self._gpu}


def inside(files: list[str], uuids: list[str]) -> Callable[..., Any]:
    return lambda name: {"gpus": files, "gpu_uuids": uuids}[name]


@pytest.mark.parametrize(
    ("wanted", "files", "uuids", "held"),
    [
        (None, [], [], True),
        (None, ["nvidia0"], [], False),
        (FIRST, ["nvidia0"], [FIRST], True),
        (FIRST, ["nvidia0"], [], False),
        (FIRST, ["nvidia1"], [SECOND], False),
        (FIRST, ["nvidia0", "nvidia1"], [FIRST], False),
        (FIRST, ["nvidia0"], [FIRST, SECOND], False),
    ],
)
def test_the_doctor_counts_gpus_and_knows_them_by_name(
    wanted: str | None, files: list[str], uuids: list[str], held: bool
) -> None:
    found, _ = doctor._gpus(Described(wanted), inside(files, uuids))  # type: ignore[arg-type]
    assert found is held


@pytest.mark.parametrize("gpu_in_use", [False, True])
def test_a_gpu_is_roused_before_the_clock_starts_and_not_within(
    gpu_in_use: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    roused: list[str] = []
    on_cpu = torch.ones(2, 2)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: gpu_in_use)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: roused.append("waited for it"))
    monkeypatch.setattr(torch, "ones", lambda *shape, device: on_cpu)
    timing = Timing(lambda number: lambda x: x + number, lambda: None)
    body, blobs = commitment.seal((on_cpu,))
    key, parts = cipher.new_key(), [body, *blobs]
    sealed = cipher.apply(key, parts, cipher.buffers(parts))
    timing.prepare(1, [np.frombuffer(part, np.uint8) for part in sealed])
    before = len(roused)
    assert (before > 0) is gpu_in_use
    timing.timed(key)
    assert len(roused) == before

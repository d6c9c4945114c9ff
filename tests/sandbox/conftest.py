"""One torch thread, as in the sandbox, since these tests fork; and the backends of this host."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from grading.sandboxes.base import Backend, Limits, SandboxUnavailable

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def backend() -> Callable[[str], Backend]:
    """Make the backend of that name, or skip where this host can't run its sandboxes."""
    from django.conf import settings

    from grading.setup import make_backend

    def make(name: str) -> Backend:
        try:
            if name == "docker":
                from tools.sandbox_image import ensure

                ensure(settings.SANDBOX_IMAGE)
            made = make_backend(name)
            made.start(Limits()).kill()
        except SandboxUnavailable as error:
            pytest.skip(str(error))
        return made

    return make

"""What the experiments' scripts need."""

import pytest


@pytest.fixture(scope="session")
def compared():
    """The libraries that experiments/maps compares with, or the test is skipped."""
    for package in ("pytorch_grad_cam", "torchcam"):
        pytest.importorskip(package)

"""A Hydra callback of the tests, importable from a job's own process."""

from typing import Any

import torch
from hydra.experimental.callback import Callback


class ThreadsOfJob(Callback):
    """Says how many threads torch takes in the process of a job."""

    def on_job_start(self, config: Any, **kwargs: Any) -> None:
        """Print them."""
        print(f"{torch.get_num_threads()} threads", flush=True)

"""Run bio-paws in processes that accelerate takes for those of GPUs, though they compute on CPUs.

Accelerate shards models on GPUs only, and FSDP, in version 2, runs on both.
"""

from __future__ import annotations

import sys
from typing import Any

from accelerate import PartialState
from accelerate.utils import DistributedType

from bio_paws.cli.app import main

start = PartialState.__init__


def start_as_on_gpus(self: PartialState, *arguments: Any, **keywords: Any) -> None:
    start(self, *arguments, **keywords)
    self.distributed_type = DistributedType.MULTI_XPU  # a kind of GPU for which accelerate does nothing else


if __name__ == "__main__":
    PartialState.__init__ = start_as_on_gpus  # type: ignore[method-assign]
    sys.exit(main())

"""One training in several processes, on one machine or more: who they are, and what they tell each other.

torchrun starts them and says by the environment who is who. Each sees its part of every batch, the gradients are
averaged (DistributedDataParallel), and the first alone writes and prints.
"""
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from vtt_emotion.core.command_line import ignore_sigterm, torchrun_places
from vtt_emotion.core.errors import InputError


class Ranks:
    """This process among those of a training: `rank` of `count`; 0 of 1 where torchrun did not start it.

    Args:
        device: a torch.device; a CUDA device without a number becomes this process's own.
        batch_size: samples a step, of all processes together.

    Raises:
        InputError: a global batch that cannot be shared out evenly.
    """

    def __init__(self, device: torch.device, batch_size: int) -> None:
        self.rank, self.count, here, beside = torchrun_places()
        self.first, self.device = self.rank == 0, device
        self.silent = None if self.first else True           # tqdm's `disable`: None shows progress on a terminal
        if batch_size % self.count:
            raise InputError(f"--batch-size {batch_size}: is that of all processes together; expected a multiple of "
                             f"their number, {self.count}")
        if self.count == 1:
            return
        if device.type == "cuda":
            if device.index is None:
                self.device = torch.device("cuda", here)
            torch.cuda.set_device(self.device)
        else:
            torch.set_num_threads(max(1, (os.cpu_count() or 1) // beside))
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=timedelta(minutes=30))

    def share(self, net: torch.nn.Module) -> torch.nn.Module:
        """The network whose gradients are those of all processes together; `net` itself where there is one."""
        if self.count == 1:
            return net
        return DistributedDataParallel(net, [self.device] if self.device.type == "cuda" else None,
                                       gradient_as_bucket_view=True)

    def total(self, *numbers: float | torch.Tensor) -> list[float]:
        """The sums of numbers over all processes; list of float."""
        if self.count == 1:
            return [float(number) for number in numbers]
        sums = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(sums)
        return sums.tolist()

    def gather(self, rows: torch.Tensor) -> torch.Tensor:
        """The rows (N_i, D) of every process, one after the other, on the CPU: (sum of N_i, D)."""
        if self.count == 1:
            return rows
        counts = torch.zeros(self.count, dtype=torch.int64)
        counts[self.rank] = len(rows)
        dist.all_reduce(counts)
        before = int(counts[:self.rank].sum())
        whole = torch.zeros(int(counts.sum()), rows.shape[1])
        whole[before:before + len(rows)] = rows
        dist.all_reduce(whole)
        return whole

    def agree(self, net: torch.nn.Module) -> None:
        """Give every process the first one's statistics of batch normalisation: each has seen other faces."""
        if self.count > 1:
            for buffer in net.buffers():
                dist.broadcast(buffer, 0)

    @contextmanager
    def whole_step(self, net: torch.nn.Module) -> Iterator[None]:
        """Put back the statistics of batch normalisation that a step has changed which another process left undone."""
        held = [buffer.clone() for buffer in net.buffers()] if self.count > 1 else []
        try:
            yield
        except Exception:
            for buffer, former in zip(net.buffers(), held):
                buffer.copy_(former)
            raise

    def lost(self, error: BaseException) -> bool:
        """Whether an error says that another process is gone."""
        words = ("gloo", "NCCL", "Connection closed", "Connection reset")
        return self.count > 1 and (isinstance(error, dist.DistError) or any(word in str(error) for word in words))

    @contextmanager
    def together(self) -> Iterator[None]:
        """Say in one sentence that another process is gone, and leave the group at the end."""
        try:
            yield
        except RuntimeError as error:
            if not self.lost(error):
                raise
            ignore_sigterm()
            raise InputError(f"process {self.rank} of {self.count} ends: it lost another, whose own message says why "
                             f"({str(error).splitlines()[0]}); --resume continues") from None
        finally:
            if self.count > 1:
                dist.destroy_process_group()

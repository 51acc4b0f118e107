import shutil
from types import SimpleNamespace

import pytest

from vtt_emotion.core.errors import InputError
from vtt_emotion.training.batches import SHARED, check_shared, make_loader


def test_too_little_shared_memory_for_workers_is_said(tmp_path, monkeypatch):
    for free, enough in ((4096, False), (SHARED, True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        if enough:
            check_shared(2, str(tmp_path))
        else:
            with pytest.raises(InputError, match="--num-workers 2: .* has 0.0 MB free, expected 8 MB or more"):
                check_shared(2, str(tmp_path))
            make_loader([1], [[0]], 0)           # without workers none is needed
    check_shared(2, str(tmp_path / "none"))      # a system without such a folder

import pickle

import numpy as np
import pytest
import torch
from torchvision.models import ResNet18_Weights
from torchvision.models import resnet18 as torchvision_resnet18
from torchvision.models import resnet34 as torchvision_resnet34

import resnet_tsm
from resnet_tsm import load_checkpoint, resnet18, select_rows, shift
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.weights import load_network
from vtt_emotion.video.backends import make_step


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    network = resnet18().eval()
    with torch.no_grad():                        # random BatchNorm statistics, so that nothing cancels
        for name, buffer in network.named_buffers():
            if "running_var" in name:
                buffer.uniform_(0.3, 1.0)
            if "running_mean" in name:
                buffer.normal_(0, 0.1)
    return network


@pytest.fixture(scope="module", autouse=True)
def _no_gradients():
    with torch.inference_mode():
        yield


def test_shift_against_a_plain_loop():
    x = torch.randn(5 * 2, 8, 3, 3)              # five frames of two clips
    shifted = shift(x, 5)
    for clip in range(2):
        for t in range(5):
            for channel in range(8):
                source = max(t - 1, 0) if channel < 2 else t
                torch.testing.assert_close(shifted[t * 2 + clip, channel], x[source * 2 + clip, channel])


def test_shift_keeps_the_memory_format_and_copies_no_single_frame():
    x = torch.randn(4 * 3, 8, 5, 6).to(memory_format=torch.channels_last)
    assert shift(x, 4).is_contiguous(memory_format=torch.channels_last) and not shift(x, 4).is_contiguous()
    assert shift(x.contiguous(), 4).is_contiguous() and shift(x, 1) is x


@pytest.mark.parametrize("length", (1, 2, 3, 4, 7))
def test_the_last_frame_alone_has_the_same_logits_and_gradients(net, length):
    """Batch normalisation by its running statistics: in training fewer maps make the batch's."""
    with torch.inference_mode(False), torch.enable_grad():
        tracked, clips, found = resnet18().eval().double(), torch.rand(2, length, 3, 64, 64, dtype=torch.float64), []
        tracked.load_state_dict({name: value.clone() for name, value in net.state_dict().items()})
        for logits in (tracked(clips)[:, -1], tracked(clips, last=True)):
            tracked.zero_grad()
            torch.nn.functional.cross_entropy(logits, torch.tensor([1, 5])).backward()
            found.append((logits.detach(), [parameter.grad.clone() for parameter in tracked.parameters()]))
    torch.testing.assert_close(found[0][0], found[1][0])                         # in float64, within 1e-7
    for whole, alone in zip(found[0][1], found[1][1]):
        torch.testing.assert_close(whole, alone)
    with torch.no_grad():
        torch.testing.assert_close(tracked(clips[0], last=True), tracked(clips[0])[-1])


@pytest.mark.parametrize("shape", [(4, 3, 224, 224), (1, 3, 64, 64), (2, 4, 3, 64, 80), (1, 7, 3, 96, 96)])
def test_shapes(net, shape):
    assert net(torch.rand(shape)).shape == (*shape[:-3], 7)


def test_batched_and_single_sequences_agree(net):
    clips = torch.rand(2, 4, 3, 64, 64)
    torch.testing.assert_close(net(clips)[1], net(clips[1]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("bad", [torch.rand(3, 64, 64), torch.rand(4, 1, 64, 64), torch.rand(4, 3, 32, 32),
                                 torch.zeros(4, 3, 64, 64, dtype=torch.uint8)])
def test_wrong_input_is_refused(net, bad):
    with pytest.raises(ValueError, match="expected"):
        net(bad)


def test_last_frame_sees_exactly_four_frames(net):
    frames = torch.rand(7, 3, 64, 64)
    last = net(frames)[-1]
    for t in range(7):
        changed = frames.clone()
        changed[t] = 1 - changed[t]
        moved = (net(changed)[-1] - last).abs().max().item()
        assert (moved > 1e-6) == (t >= 3), f"frame {t} moved the last logits by {moved}"


def test_later_frames_do_not_change_earlier_logits(net):
    frames = torch.rand(6, 3, 64, 64)
    torch.testing.assert_close(net(frames)[:4], net(frames[:4]), atol=1e-5, rtol=1e-5)


def test_one_frame_is_torchvisions_resnet18(net):
    plain = torchvision_resnet18(num_classes=7).eval()
    plain.load_state_dict(net.state_dict())      # the same names, none added
    frame = torch.rand(1, 3, 96, 96)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close(net(frame), plain((frame - mean) / std), atol=1e-5, rtol=1e-5)


def test_streaming_equals_windows_on_20_frames(net):
    frames, state, worst = torch.rand(20, 3, 64, 64), None, 0.0
    for t in range(20):
        logits, state = net.step(frames[t:t + 1], state)
        if t >= 3:
            worst = max(worst, (logits[0] - net(frames[t - 3:t + 1])[-1]).abs().max().item())
    assert worst < 1e-4


def test_streams_come_and_go_in_one_batch(net):
    """Three streams in one batch: one from the start, one that begins later, one that is dropped."""
    a, b, c = torch.rand(3, 8, 3, 64, 64)
    alone = {name: [] for name in "abc"}
    for name, frames in zip("abc", (a, b[3:], c[:4])):
        state = None
        for frame in frames:
            logits, state = net.step(frame[None], state)
            alone[name].append(logits[0])
    _, state = net.step(torch.stack([a[0], c[0]]))
    for t in range(1, 8):
        if t == 3:                               # b takes a's row, afresh, and stands first
            state = select_rows(state, [0, 0, 1])
            logits, state = net.step(torch.stack([b[t], a[t], c[t]]), state, torch.tensor([True, False, False]))
            torch.testing.assert_close(logits[2], alone["c"][3], atol=1e-4, rtol=1e-4)
        elif t < 3:
            logits, state = net.step(torch.stack([a[t], c[t]]), state)
        else:
            state = select_rows(state, [0, 1])   # c is gone
            logits, state = net.step(torch.stack([b[t], a[t]]), state, torch.tensor([False, False]))
        if t >= 3:
            torch.testing.assert_close(logits[0], alone["b"][t - 3], atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(logits[1], alone["a"][t], atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match="state has 2 rows for 1 frames"):
        net.step(a[:1], state)
    assert select_rows(None, [0]) is None


def test_a_step_costs_a_quarter_of_a_window(net):
    from torch.utils.flop_counter import FlopCounterMode
    frames = torch.rand(4, 3, 64, 64)
    _, state = net.step(frames[:1])
    with FlopCounterMode(display=False) as window:
        net(frames)
    with FlopCounterMode(display=False) as step:
        net.step(frames[:1], state)
    assert step.get_total_flops() * 4 == window.get_total_flops()


def test_checkpoint_path_plain_state_dict_and_half_precision(net, tmp_path):
    frames = torch.rand(4, 3, 64, 64)
    for name, content in (("a.pt", {"net": net.state_dict(), "step": 3}), ("b.pt", net.state_dict())):
        torch.save(content, tmp_path / name)
        torch.testing.assert_close(resnet18(tmp_path / name).eval()(frames), net(frames))
    torch.save({"net": {key: value.half() for key, value in net.state_dict().items()}}, tmp_path / "half.pt")
    loaded = resnet18(tmp_path / "half.pt").eval()
    assert loaded.conv1.weight.dtype == torch.float32
    torch.testing.assert_close(loaded(frames), net(frames), atol=0.05, rtol=0.05)


def test_frames_are_scaled_to_what_a_checkpoint_was_trained_at(net, tmp_path):
    torch.save({"net": net.state_dict(), "options": {"loader": {"img_sz": 96}}}, tmp_path / "a.pt")
    loaded, smooth = resnet18(tmp_path / "a.pt").eval(), torch.rand(2, 3, 6, 6)
    small, large = (torch.nn.functional.interpolate(smooth, (side, side), mode="bilinear") for side in (96, 192))
    torch.testing.assert_close(loaded(small), net(small))
    torch.testing.assert_close(loaded(large), net(small), atol=0.05, rtol=0.05)
    torch.testing.assert_close(loaded.step(large)[0], loaded(large[:, None])[:, 0])
    assert not torch.allclose(net(large), net(small), atol=0.05)              # without, size matters


def test_shipped_names(net, tmp_path, monkeypatch):
    monkeypatch.setattr(resnet_tsm, "WEIGHTS_FOLDER", tmp_path)
    torch.save(net.state_dict(), tmp_path / "mine.pt")
    torch.testing.assert_close(resnet18("mine").fc.bias, net.fc.bias)
    with pytest.raises(FileNotFoundError, match=r"yours\.pt: no such checkpoint"):
        resnet18("yours")


def test_imagenet_weights_through_torchvision(net, tmp_path, monkeypatch):
    """The real loading code, on a small cache of our own in the place of the download."""
    torch.manual_seed(1)
    imagenet = torchvision_resnet18(num_classes=1000).state_dict()
    url = ResNet18_Weights.IMAGENET1K_V1.url
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(imagenet, folder / url.rsplit("/", 1)[1])
    loaded = resnet18("imagenet")
    torch.testing.assert_close(loaded.layer3[0].conv1.weight, imagenet["layer3.0.conv1.weight"])
    assert loaded.fc.weight.shape == (7, 512)


def test_other_networks_are_refused(tmp_path):
    """A deeper ResNet has all that a ResNet18 has, and more; ImageNet's file knows no emotion."""
    torch.save(torchvision_resnet34(num_classes=7).state_dict(), tmp_path / "deep.pt")
    torch.save(torchvision_resnet18(num_classes=1000).state_dict(), tmp_path / "imagenet.pt")
    with pytest.raises(ValueError, match=r"deep\.pt: of another network than ResNet18, which has no layer1\.2\."):
        resnet18(tmp_path / "deep.pt")
    with pytest.raises(ValueError, match=r"imagenet\.pt: knows ImageNet's 1,000 classes, no emotion"):
        resnet18(tmp_path / "imagenet.pt")
    assert resnet18(tmp_path / "imagenet.pt", start=True).fc.weight.shape == (7, 512)
    assert load_network(str(tmp_path / "imagenet.pt")).fc.weight.shape == (7, 512)                  # to be trained
    with pytest.raises(InputError, match="a start for training alone"):
        load_network(str(tmp_path / "imagenet.pt"), trained=True)
    with pytest.raises(InputError, match="a start for training alone"):
        make_step("onnx", "cpu", tmp_path / "imagenet.pt", tmp_path / "graphs")


class _Harm:
    def __reduce__(self):
        return print, ("harm",)


def test_bad_checkpoints_are_refused_in_a_sentence(net, tmp_path):
    torch.save(net.state_dict(), tmp_path / "cut.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "cut.pt").read_bytes()[:100000])
    (tmp_path / "text.pt").write_text("hello")
    (tmp_path / "empty.pt").write_bytes(b"")
    with open(tmp_path / "harm.pt", "wb") as file:
        pickle.dump(_Harm(), file)
    torch.save({"net": _Harm()}, tmp_path / "harm2.pt")
    for name in ("cut", "text", "empty", "harm", "harm2"):
        with pytest.raises(ValueError, match=rf"{name}\.pt: not a checkpoint") as error:
            load_checkpoint(tmp_path / f"{name}.pt")
        said = str(error.value)
        assert "\n" not in said and ". " not in said and "weights_only" not in said         # one sentence, our own
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "other.pt")
    torch.save(torchvision_resnet18(num_classes=9).state_dict(), tmp_path / "nine.pt")
    for name in ("other", "nine"):
        with pytest.raises(ValueError, match=rf"{name}\.pt: .*ResNet18"):
            resnet18(tmp_path / f"{name}.pt")
    rng, whole = np.random.default_rng(0), tmp_path / "whole.pt"
    for legacy in (True, False):                 # both file formats of torch.save, with bytes changed at random
        torch.save({"net": {"a": torch.zeros(3)}, "step": 5}, whole, _use_new_zipfile_serialization=not legacy)
        for _ in range(150):
            mutated = bytearray(whole.read_bytes())
            for place in rng.integers(0, len(mutated), 4):
                mutated[place] = rng.integers(256)
            (tmp_path / "mutated.pt").write_bytes(mutated[:rng.integers(1, len(mutated))] if rng.random() < 0.3
                                                  else mutated)
            try:
                load_checkpoint(tmp_path / "mutated.pt")
            except ValueError as error:
                assert "mutated.pt: not a checkpoint" in str(error) and "\n" not in str(error)
    state = net.state_dict()
    for name, content in (("nan", {"net": state | {"bn1.bias": torch.full((64,), torch.nan)}}),
                          ("list", [1, 2]), ("number", {"net": state | {"fc.bias": 5}}),
                          ("expanded", state | {"conv1.weight": torch.zeros(1).expand(64, 3, 10 ** 5, 10 ** 5)}),
                          ("integers", state | {"fc.bias": torch.zeros(7, dtype=torch.int64)}),
                          ("sparse", state | {"fc.weight": torch.zeros(7, 512).to_sparse()}),
                          ("large", {"net": state, "options": {"loader": {"img_sz": 10 ** 9}}})):
        torch.save(content, tmp_path / f"{name}.pt")
        with pytest.raises(ValueError, match=rf"{name}\.pt: ") as error:
            resnet18(tmp_path / f"{name}.pt")
        assert "\n" not in str(error.value)
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "none.pt")

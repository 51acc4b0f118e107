"""A training from its options: data, network, optimiser and run, then the fit loop."""
import numpy as np
import torch

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.weights import name_device
from vtt_emotion.training.augmentation import mix_pairs
from vtt_emotion.training.batches import BalancedBatches, EveryOnce, make_loader, sampling_weights
from vtt_emotion.training.clips import FaceClips, some_faces
from vtt_emotion.training.engine import Average, Unreadable, evaluate, fit, train_step
from vtt_emotion.training.networks import load, network_for
from vtt_emotion.training.optimization import lr_factor, make_loss, make_optimizer
from vtt_emotion.training.ranks import Ranks
from vtt_emotion.training.runs import Run, set_random_states
from vtt_emotion.training.samples import check_episodes, read_held_out, read_mixture
from vtt_emotion.training.teachers import ask, mix, read_said, write_said

TYPICAL = 512                                    # faces whose statistics dlib's network begins with


def train(ops, frames):
    """The body of both trainers: data, network, optimiser and run from the options, then `fit`.

    ops is an ops.StaticTrainOps; frames is T, 1 or 4. Returns as `fit`, of several processes in the first alone.
    """
    check_episodes(ops.split.train_episodes, ops.split.valid_episodes)
    if ops.loss.adjust() and ops.loss.loss != "soft_ce":
        raise InputError(f"--logit-adjust {ops.loss.logit_adjust}: goes with --loss soft_ce alone")
    ranks = Ranks(torch.device(name_device(ops.run.device)), ops.loader.batch_size)
    with ranks.together():
        best = _train(ops, frames, ranks)
    return best if ranks.first else None


def _train(ops, frames, ranks):
    device, options = ranks.device, ops.run
    train_faces, weights, valid_faces = _faces(ops, frames)
    run = Run(options.runs_path / options.name, ops, options.resume, writes=ranks.first)
    net, average, optimizer = _network(ops, run.checkpoint, device, train_faces)
    ranks.total(0)                               # all have looked at the folder before the first writes to it
    run.start()
    _take_lessons(ops, train_faces, run, ranks)
    begun, part = run.checkpoint["step"] if run.checkpoint else 0, (ranks.rank, ranks.count)
    batches = BalancedBatches(weights, ops.loader.batch_size, options.seed, begun, options.max_steps, part)
    valid_batches = EveryOnce(len(valid_faces), ops.loader.batch_size // ranks.count, part)
    loader, valid_loader = (make_loader(faces, order, ops.loader.num_workers, device.type == "cuda")
                            for faces, order in ((train_faces, batches), (valid_faces, valid_batches)))
    shares = torch.from_numpy(weights @ train_faces.targets).clamp(1e-6).to(device, torch.float32)
    loss = make_loss(ops.loss.loss, ops.loss.neutral_lambda)
    train_loss = make_loss(ops.loss.loss, ops.loss.neutral_lambda, ops.loss.adjust() * shares.log())
    shared, running = ranks.share(net), options.batch_norm == "running"

    def take_step(clips, target, step):
        clips, target = clips.to(device, non_blocking=True), target.to(device, non_blocking=True)
        if ops.augment.mixup:
            rng = np.random.default_rng((options.seed, step, 0, 1))        # not one of the sampler's or the loader's
            clips, target = mix_pairs(clips, target, ops.augment.mixup, rng)
        return train_step(shared, optimizer, train_loss, clips, target, options.precision, running)

    def check():
        ranks.agree(average.net)
        return evaluate(average.net, valid_loader, loss, device, options.precision, ranks)

    if ranks.first:
        processes = f" x {ranks.count}" if ranks.count > 1 else ""
        print(f"{len(train_faces):,} samples to train on, {len(valid_faces):,} to validate on; {device}{processes}; "
              f"{run.folder}")
    return fit(net, average, optimizer, take_step, loader, check, run, ranks, Unreadable(ops.loader.max_unreadable),
               lambda step: ops.optim.lr * lr_factor(ops.optim.schedule, step, options.max_steps),
               options.max_steps, options.valid_every, options.save_every, options.log_every)


def _faces(ops, frames):
    """(faces to train on, the chance of each to be drawn, faces to validate on)."""
    roots, margins, dicts = ops.datasets.roots(), ops.margins.by_source(), ops.place.dicts_path
    sources, shares = read_mixture(dict(ops.data.mixture), dicts, roots, margins, ops.split.train_episodes)
    valid = read_held_out(ops.data.valid_on, dicts, roots, margins, ops.split.valid_episodes)
    augment = {name: value for name, value in vars(ops.augment).items() if name != "mixup"}
    return (FaceClips(sources, ops.loader.img_sz, frames, augment, getattr(ops.data, "camera_motion", 0.0)),
            sampling_weights(sources, shares, ops.loader.neutral_ratio, ops.loader.balance),
            FaceClips([valid], ops.loader.img_sz, frames))


def _take_lessons(ops, faces, run, ranks):
    """Mix what the teachers say into the targets of the faces to train on; a resumed run need not ask them again."""
    if not ops.teach.teachers or not ops.teach.taught:
        return
    path = run.folder / "teachers.npy"
    if run.checkpoint and path.is_file():
        said = read_said(path, len(faces))
    else:
        teachers = [load(weights, ops.place.root, trained=True) for weights in ops.teach.teachers]
        said = ask(teachers, faces.sources, faces.frames, ops.loader.batch_size // ranks.count,
                   ops.loader.num_workers, ranks, ops.run.precision)
        if ranks.first:
            write_said(path, said)
    faces.targets = mix(faces.targets, said, ops.teach.taught)


def _network(ops, checkpoint, device, train_faces):
    """The network, its average and its optimiser on the device: a checkpoint's, or new ones as the options say."""
    torch.manual_seed(ops.run.seed)
    former = checkpoint["options"]["optim"]["optimizer"] if checkpoint else ops.optim.optimizer
    if former != ops.optim.optimizer:
        raise InputError(f"--optimizer {ops.optim.optimizer}: the run to resume goes on with its own, {former}; a run "
                         "of the ancestor's defaults wants --recipe ancestor")
    if checkpoint:
        net = network_for(checkpoint["net"])
        net.load_state_dict(checkpoint["net"])
        net.img_sz = ops.loader.img_sz
    else:
        net = load(ops.run.weights, ops.place.root, img_sz=ops.loader.img_sz,
                   faces=lambda: torch.from_numpy(some_faces(train_faces, TYPICAL)[0]).float() / 255)
    if ops.run.batch_norm == "sync":
        if device.type != "cuda":
            raise InputError("--batch-norm sync: goes with CUDA alone; on the CPU there are batch and running")
        net = torch.nn.SyncBatchNorm.convert_sync_batchnorm(net)
    net.to(device, memory_format=torch.channels_last)
    average = Average(net, ops.optim.average, checkpoint["average"] if checkpoint else None)
    optimizer = make_optimizer(net, ops.optim.optimizer, ops.optim.lr, ops.optim.weight_decay)
    if checkpoint:
        optimizer.load_state_dict(checkpoint["optimizer"])
        for group in optimizer.param_groups:
            group["weight_decay"] = ops.optim.weight_decay
        set_random_states(checkpoint["random"])
    return net, average, optimizer

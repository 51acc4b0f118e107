"""Measure how fast an episode is read, part by part, how well its faces are found, and what a training step takes.

Reads a video, or draws one (1280x720, 24 fps), and trained weights; for training it draws 500 pictures. Prints a
table and writes results/bench.json. `--measure archive` draws a dozen short films, tells how far apart their times are,
plans a large archive on clusters of several sizes, and sums up the table of a made-up one.

    python -m tools.bench
    python -m tools.bench --measure training
    python -m tools.bench --measure archive
    python -m tools.bench --measure episode --video interview.mp4 --reference-every 8
"""
from pathlib import Path

from ops import Bench, Margins, Place, Tracking, compose
from tools.plan import ArchivePlan
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.files import write_json
from vtt_emotion.video.detection import framing_of
from vtt_emotion.video.sources import find_videos

BenchOps = compose(place=Place, tracking=Tracking, margins=Margins, bench=Bench, plan=ArchivePlan)


def draw_video(folder, seconds, count=1):
    """A drawn video of `seconds`, the last of `count` of different seeds, made once."""
    folder = folder / f"{seconds:g}s"
    from vtt_emotion.drawn.friends import write_episode

    if count not in find_videos(folder):
        print(f"drawing a video of {seconds:g} s in {folder}")
        folder.mkdir(parents=True, exist_ok=True)
        write_episode(folder, count, seconds, 0)
    return find_videos(folder)[count]


def main(argv=None):
    ops = parse(BenchOps, argv, __doc__)
    bench, figures, root = ops.bench, {}, ops.place.root
    bench.output.parent.mkdir(parents=True, exist_ok=True)
    if "episode" in bench.measure:
        from tools.bench_reading import measure_episode, show  # after the options: --help need not wait for PyTorch

        source = Path(bench.video) if bench.video else draw_video(root / "bench", bench.seconds)
        longer = draw_video(root / "bench", 4 * bench.seconds) if bench.memory and not bench.video else None
        framing = framing_of(ops.tracking.detector, ops.margins)
        short = draw_video(root / "bench", 1)
        figures |= measure_episode(bench, ops.tracking, framing, root, source, short, longer)
        show(figures)
    if "training" in bench.measure:
        from tools.bench_training import measure_training, show_training

        figures["training"] = measure_training(root / "bench", bench)
        show_training(figures["training"])
    if "archive" in bench.measure:
        from tools.bench_archive import measure_archive, show_archive

        films = [draw_video(root / "bench", 4, number) for number in range(1, ops.plan.plan_films + 1)]
        figures["archive"] = measure_archive(films, bench.weights, ops.plan, root)
        show_archive(figures["archive"], ops.plan)
    write_json(bench.output, figures)
    print(f"wrote {bench.output}")


if __name__ == "__main__":
    run_script(main)

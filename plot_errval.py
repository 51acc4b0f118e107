"""Plot the error and the accuracy of training runs, in training and in validation, each emotion's recall, and what the
last validation took for what.

Reads runs/NAME/log.csv and confusions.csv, of the newest run or of those named, overlaid; the matrix is the last one's.
Writes results/errval.png.

    python plot_errval.py
    python plot_errval.py --runs static tsm --watch
"""
import time

from ops import Place, Plot, compose
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import picture_format, whole_file
from vtt_emotion.core.labels import COLOURS, names_of
from vtt_emotion.training.log import read_confusion, read_log
from vtt_emotion.training.measures import draw_matrix

PlotOps = compose(place=Place, plot=Plot)


def newest_run(runs_path):
    """Name of the run whose log was written last."""
    logs = sorted(runs_path.glob("*/log.csv"), key=lambda path: path.stat().st_mtime)
    if not logs:
        raise InputError(f"{runs_path}: no run with a log.csv; model_train.py makes one")
    return logs[-1].parent.name


PANELS = {"error (loss)": {"train_error": "training", "valid_error": "validation"},
          "share": {"train_accuracy": "training accuracy", "valid_accuracy": "validation accuracy",
                    "valid_mean_recall": "validation mean recall"}}
STYLES = {"train_error": ":", "train_accuracy": ":", "valid_mean_recall": "--"}


def curve(rows, column):
    """(steps, values) of a log's column where it was measured."""
    points = [(row["step"], row[column]) for row in rows if row[column] is not None]
    return tuple(zip(*points)) or ([], [])


def draw(logs, path, confusion=None):
    """Draw error, accuracy and recalls of `logs`, {run: rows of read_log}, into a picture; and of the last run a
    `confusion` of read_confusion."""
    from matplotlib.figure import Figure  # after the options: it takes a second to import

    figure = Figure(figsize=(12, 8.4) if confusion else (16, 4.2), layout="constrained")
    *panels, recalls = figure.subplots(*(2, 2) if confusion else (1, 3)).flat
    if confusion:
        matrix, recalls = recalls, panels.pop()
        step, counts, names = confusion
        draw_matrix(matrix, counts, names, "true", f"{list(logs)[-1]}, step {step:,}")
    for axes, (title, curves) in zip(panels, PANELS.items()):
        named = [], []                           # by itself a legend leaves out what begins with _
        for number, (name, rows) in enumerate(logs.items()):
            for column, label in curves.items():
                named[0].extend(axes.plot(*curve(rows, column), STYLES.get(column, "-"), color=f"C{number}", marker="o",
                                          markersize=3))
                named[1].append(f"{name}: {label}")
        axes.set(xlabel="step", ylabel=title)
        axes.set_ylim(0, None if "error" in title else 1)
        axes.grid(alpha=0.3)
        legend = axes.legend(*named, fontsize=8)
        for text in legend.get_texts():
            text.set_parse_math(False)           # a run may be called $_$
    names = names_of(any(row.get("recall_contempt") is not None for rows in logs.values() for row in rows))
    for number, rows in enumerate(logs.values()):
        for emotion in names:
            recalls.plot(*curve(rows, f"recall_{emotion}"), ("-", "--", ":", "-.")[number % 4], color=COLOURS[emotion],
                         marker="o", markersize=3, label=None if number else emotion)
    recalls.set(xlabel="step", ylabel="validation recall", ylim=(0, 1))
    recalls.grid(alpha=0.3)
    recalls.legend(fontsize=8)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format=picture_format(path), dpi=130)


def main(argv=None):
    ops = parse(PlotOps, argv, __doc__)
    plot, sizes = ops.plot, None
    picture_format(plot.output)
    while True:
        names = plot.runs or (newest_run(plot.runs_path),)
        paths = {name: plot.runs_path / name / "log.csv" for name in names}
        logs = {name: read_log(path) for name, path in paths.items()}
        now = {name: path.stat().st_size for name, path in paths.items()}
        if now != sizes:
            draw(logs, plot.output, read_confusion(plot.runs_path / names[-1] / "confusions.csv"))
            steps = ", ".join(f"{name} to step {rows[-1]['step'] if rows else 0}" for name, rows in logs.items())
            print(f"wrote {plot.output}: {steps}")
            sizes = now
        if not plot.watch:
            break
        time.sleep(plot.watch_seconds)


if __name__ == "__main__":
    run_script(main)

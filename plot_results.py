"""Draw the results of an episode: a few of its frames with faces and emotions, who shows what when, and how often.

Reads a results JSON and the video or frames it was made from. Writes a PNG beside the JSON.

    python plot_results.py --results results/friends_s01_ep01.json
    python plot_results.py --results results/interview.json --video interview.mp4
"""
from collections import defaultdict

from ops import Friends, Picture, Place, compose
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import whole_file
from vtt_emotion.core.labels import COLOURS, INKS, names_of
from vtt_emotion.results.records import read_results
from vtt_emotion.video.fonts import find_font, name_shown
from vtt_emotion.video.frames import read_frames
from vtt_emotion.video.sources import find_source

PictureOps = compose(place=Place, friends=Friends, picture=Picture)
ROWS = 40                                        # of the timeline; those seen least share one more


def pick_times(records, count):
    """Up to `count` times (seconds), one from each of as many equal parts of the records."""
    step = len(records) / count
    return sorted({records[int((i + 0.5) * step)]["seconds"] for i in range(count)})


def draw_frame(axes, frame, records):
    from matplotlib.font_manager import FontProperties
    from matplotlib.patches import Rectangle

    axes.imshow(frame.rgb)
    axes.set_axis_off()
    axes.set_title(f"{frame.seconds:.2f} s", fontsize=9)
    for record in records:
        x0, y0, x1, y1 = record["object"]["box"]
        colour = COLOURS[record["class"]]
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=colour, linewidth=2))
        text = f"{name_shown(record['object']['name'], record['object']['id'])} {record['class']}"
        axes.text(x0, y0 - 8, text, color=INKS[record["class"]], parse_math=False,           # a name may be $_$
                  fontproperties=FontProperties(fname=find_font(text), size=8),
                  bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.5})


def timeline_rows(records):
    """[(label, records)] of the people seen, by id; of more than ROWS those seen least are put together."""
    people = defaultdict(list)
    for record in records:
        people[record["object"]["id"]].append(record)
    most = sorted(sorted(people, key=lambda id: -len(people[id]))[:ROWS])
    rows = []
    for id in most:
        name = people[id][-1]["object"]["name"]
        rows.append((name if name and find_font(name) else f"face {id}", people[id]))
    rest = [record for id in sorted(set(people) - set(most)) for record in people[id]]
    return [*rows, (f"{len(people) - len(most)} others", rest)] if rest else rows


def draw_timeline(axes, shares_axes, records):
    """A band a person, a colour an emotion; and beside it the emotions' shares of that person's records."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.ticker import PercentFormatter

    times = sorted({record["seconds"] for record in records})
    step = min((b - a for a, b in zip(times, times[1:])), default=0.04)
    rows = timeline_rows(records)
    for row, (_, mine) in enumerate(rows):
        left = 0.0
        for emotion, colour in COLOURS.items():
            spans = [(record["seconds"], step * 1.05) for record in mine if record["class"] == emotion]
            axes.broken_barh(spans, (row - 0.4, 0.8), color=colour, linewidth=0)
            shares_axes.barh(row, len(spans) / len(mine), 0.8, left, color=colour)
            left += len(spans) / len(mine)
    axes.set(xlabel="seconds", ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)))
    axes.set_yticklabels([label for label, _ in rows], parse_math=False)
    for text, (label, _) in zip(axes.get_yticklabels(), rows):
        text.set_fontproperties(FontProperties(fname=find_font(label), size=8))
    shares_axes.set(xlim=(0, 1), ylim=axes.get_ylim(), yticks=(), xlabel="share of the time seen")
    shares_axes.xaxis.set_major_formatter(PercentFormatter(1))


def main(argv=None):
    ops = parse(PictureOps, argv, __doc__)
    from matplotlib.figure import Figure  # after the options: it takes a second to import
    from matplotlib.patches import Patch

    path = ops.picture.results
    records = read_results(path)
    if not records:
        raise InputError(f"{path}: holds no record, so there is nothing to draw")
    times = pick_times(records, ops.picture.pictures)
    rows = min(len({record["object"]["id"] for record in records}), ROWS + 1)
    figure = Figure(figsize=(3.4 * len(times), 3.3 + 0.16 * rows), layout="constrained")
    grid = figure.add_gridspec(2, len(times), height_ratios=(1.9, 1))
    source, missing = find_source(path, ops.picture.video, ops.friends.friends_path, ops.friends.frames_path)
    if source is None:
        raise InputError(missing)
    drawn = 0
    for frame in read_frames(source, ops.picture.fps):
        if abs(frame.seconds - times[drawn]) < 0.002:
            now = [record for record in records if record["seconds"] == times[drawn]]
            draw_frame(figure.add_subplot(grid[0, drawn]), frame, now)
            drawn += 1
        if drawn == len(times):
            break
    else:
        raise InputError(f"{source}: has no frame at {times[drawn]} s; the results were made from another video")
    below = grid[1, :].subgridspec(1, 2, width_ratios=(5, 1))
    draw_timeline(figure.add_subplot(below[0]), figure.add_subplot(below[1]), records)
    names = names_of(any(record["class"] == "contempt" for record in records))
    figure.legend(handles=[Patch(color=COLOURS[emotion], label=emotion) for emotion in names], ncols=len(names),
                  fontsize=8, loc="outside lower center", frameon=False)
    output = path.with_suffix(".png")
    with whole_file(output) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    print(f"wrote {output}: {drawn} frames, {len(records):,} records")


if __name__ == "__main__":
    run_script(main)

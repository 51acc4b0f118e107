"""Index a benchmark of clips, DFEW, FERV39k or MAFW: lists of labelled clips, and a folder of frames for each.

Reads the lists of folds, or of splits, and the folders' names under --dfew-path, --ferv39k-path or --mafw-path,
wherever in it they lie. Writes dicts/dfew_parsed.npy (ferv39k, mafw): [emotion][example] -> img (a frame and the three
before it, of 16 spread over the clip), pos [fold, clip], emo (7 is MAFW's contempt, with --contempt), and split of
FERV39k.

    python parse_clips.py --benchmark dfew
    python parse_clips.py --benchmark mafw --mafw-path datasets/MAFW --verify
"""
from ops import Clips, Contempt, Parse, Place, compose, folders
from vtt_emotion.core.command_line import parse, run_script
from vtt_emotion.core.errors import InputError
from vtt_emotion.datasets.clip_lists import BENCHMARKS, FRAMES, read_clips
from vtt_emotion.datasets.parsing import Report, keep_readable

ParseClipsOps = compose(place=Place, folders=folders(*BENCHMARKS), clips=Clips, contempt=Contempt, parse=Parse)


def main(argv=None):
    ops = parse(ParseClipsOps, argv, __doc__)
    key, report = ops.clips.benchmark, Report(ops.parse.strict)
    root = getattr(ops.folders, f"{key}_path")
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --{key}-path names it")
    entries = list(read_clips(root, key, report, ops.contempt.contempt))
    if ops.parse.verify:
        entries = keep_readable(entries, root, ops.parse.workers, report)
    print(f"{len({entry['pos'][1] for entry in entries}):,} clips, {FRAMES} frames of each")
    report.finish(ops.place.dicts_path, key, entries,
                  lambda entry: entry.get("split", f"frames of fold {entry['pos'][0]}"), root, "clip")


if __name__ == "__main__":
    run_script(main)

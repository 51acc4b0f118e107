import dataclasses
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import ops
import plot_errval
from tools.plan import ArchivePlan
from vtt_emotion import __version__
from vtt_emotion.core.command_line import parse
from vtt_emotion.core.errors import InputError
from vtt_emotion.training.runs import plain

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted(path.stem for path in ROOT.glob("*.py") if "    run_script(main)\n" in path.read_text())


def test_flags_set_options_and_paths_join_the_root():
    options = parse(ops.StaticTrainOps, ["--root", "/data", "--batch-size", "8", "--mixture", "raf", "1",
                                             "--train-episodes", "1", "2", "--affectnet-path", "/elsewhere/AN"], "doc")
    assert options.loader.batch_size == 8 and options.data.mixture == (("raf", 1.0),)
    assert options.split.train_episodes == (1, 2)
    assert options.place.dicts_path == Path("/data/dicts") and options.datasets.affectnet_path == Path("/elsewhere/AN")
    assert json.loads(json.dumps(plain(options)))["loader"]["batch_size"] == 8


@pytest.mark.parametrize("argv", [["--batchsize", "8"], ["--batch-size", "many"], ["--mixture", "raf", "much"]])
def test_unknown_flags_and_values_are_refused(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        parse(ops.StaticTrainOps, argv, "doc")
    assert stop.value.code == 2


@pytest.mark.parametrize("argv", [["--batch-size", "0"], ["--lr", "-1"], ["--lr", "nan"], ["--img-sz", "32"],
                                  ["--neutral-ratio", "2"], ["--valid-every", "0"], ["--num-workers", "-1"],
                                  ["--shift", "5"], ["--raf-margin", "-1"], ["--max-steps", "0"], ["--seed", "-1"]])
def test_numbers_out_of_range_are_refused(argv):
    with pytest.raises(InputError, match=f"{argv[0]} .*: expected (at least|from) "):
        parse(ops.StaticTrainOps, argv, "doc")


@pytest.mark.parametrize("flag", ["--images", "--gallery", "--root"])
def test_a_url_in_place_of_a_path_is_named_as_it_was_given(flag):
    with pytest.raises(InputError, match=f"{flag} https://example.org/a: expected a path of this machine"):
        parse(ops.ResultsOps, [flag, "https://example.org/a"], "doc")


def test_every_number_has_limits_and_its_default_lies_within():
    """But for an episode, which must be there, and frames and classes, one of two."""
    concerns = [*(value for value in vars(ops).values() if dataclasses.is_dataclass(value)), ArchivePlan]
    options = {(concern.__name__, field.name): field for concern in concerns if concern not in (ops.Limit, ops.Dataset)
               for field in dataclasses.fields(concern)}
    for (concern, name), field in options.items():
        if type(field.default) in (int, float) and name not in ("episode", "frames", "classes"):
            limit, = field.type.__metadata__
            assert limit.least <= field.default <= limit.most, (concern, name)


def test_defaults_of_the_description():
    static, sequence = (kind.by_recipe("ancestor") for kind in (ops.StaticTrainOps, ops.SequenceTrainOps))
    assert dict(static.data.mixture) == {"affectnet": 0.8, "raf": 0.2} and static.loader.neutral_ratio == 0.33
    assert (static.optim.optimizer, static.optim.lr, static.optim.weight_decay) == ("adam", 1e-4, 5e-5)
    assert static.split.train_episodes == tuple(range(1, 9)) and static.split.valid_episodes == (9, 10)
    assert sequence.run.weights == "runs/static/best.pt" and static.run.weights == "none"
    assert ops.Buffer().frame_stride == 4 and static.augment.shift == 0.1


def test_the_ancestors_defaults_are_one_option_away():
    """They are a recipe's; what else is given stands beside them, and what the recipe does not name is the same."""
    ours, former = (parse(ops.SequenceTrainOps, [*recipe, "--lr", "0.01"], "doc")
                    for recipe in ((), ("--recipe", "ancestor")))
    assert (ours.loss.loss, ours.optim.optimizer, ours.optim.schedule) == ("soft_ce", "sgd", "cosine")
    assert (former.loss.loss, former.optim.optimizer, former.optim.schedule) == ("pair_bce", "adam", "constant")
    assert (ours.loss.adjust(), former.loss.adjust()) == (0.35, 0)
    assert ops.Loss("split_bce").adjust() == 0 and ops.Loss("split_bce", logit_adjust=0.5).adjust() == 0.5
    assert former.loader.batch_size == 4 and former.optim.lr == 0.01 and former.run.recipe == "ancestor"
    assert former.data.mixture == (("friends", 1.0),) and former.run.weights == ours.run.weights
    assert not any(value for name, value in vars(former.augment).items() if name != "chance")        # clips as they are
    stills = ops.StaticTrainOps.by_recipe("ancestor").augment
    assert (stills.noise, stills.blur, stills.level, stills.chance) == (0.05, 0.1, 0.02, 0.1)
    assert former.margins.affectnet_margin == 0.5 and ours.margins.affectnet_margin == 0.06
    with pytest.raises(SystemExit):
        parse(ops.StaticTrainOps, ["--recipe", "other"], "doc")


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_is_complete(script, capsys):
    """Every option of every concern that a script composes stands in its --help, with its explanation."""
    module = importlib.import_module(script)
    with pytest.raises(SystemExit) as stop:
        module.main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    options_class = next(value for name, value in vars(module).items() if name.endswith("Ops"))
    for concern in plain(options_class()).values():
        for name in concern:
            assert f"--{name.replace('_', '-')}" in text
    assert "\n--version" in text
    with pytest.raises(SystemExit) as stop:
        module.main(["--version"])
    assert not stop.value.code and capsys.readouterr().out == f"vtt_emotion {__version__}\n"


def test_a_script_from_the_command_line(tmp_path):
    """Bad input ends in one sentence and status 1, without a traceback."""
    done = subprocess.run([sys.executable, str(ROOT / "parse_raf.py"), "--root", str(tmp_path)], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: ") and "no such folder" in done.stderr and done.stderr.count("\n") == 1


def test_ops_imports_no_torch():
    code = "import sys, ops; sys.exit('torch' in sys.modules or 'cv2' in sys.modules or 'tyro' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_root_is_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parse(plot_errval.PlotOps, [], "").plot.output.resolve() == tmp_path / "results/errval.png"

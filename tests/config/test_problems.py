from __future__ import annotations

import pytest

from gradtop.trainer.config import Config, ConfigProblems, parse_config, to_tables
from gradtop.trainer.config.form import check_field
from gradtop.trainer.config.other_names import OTHER_NAMES
from gradtop.trainer.config.schema import all_keys
from tests.config.strategies import problems_of


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("epochs = true", "training.epochs: must be an integer ≥ 1, not true"),
        ('epochs = "3"', 'training.epochs: must be an integer ≥ 1, not "3"'),
        ("epochs = 3.0", "training.epochs: must be an integer ≥ 1, not 3.0"),
        ("epochs = 0", "training.epochs: must be an integer ≥ 1, not 0"),
        ("epochs = [3]", "training.epochs: must be an integer ≥ 1, not [3]"),
        ("clip = true", "training.clip: must be a number ≥ 0, not true"),
        ("clip = nan", "training.clip: must be a number ≥ 0, not nan"),
        ("clip = inf", "training.clip: must be a number ≥ 0, not inf"),
        ("clip = -0.5", "training.clip: must be a number ≥ 0, not -0.5"),
        ("label_smoothing = 1", "training.label_smoothing: must be a number ≥ 0 and < 1, not 1"),
        ('precision = "fp8"', 'training.precision: must be one of fp32, bf16, fp16, not "fp8"'),
        ('device = "gpu"', 'training.device: must be auto, cpu, cuda, cuda:N or mps, not "gpu"'),
        ('device = "cuda:01"', 'training.device: must be auto, cpu, cuda, cuda:N or mps, not "cuda:01"'),
        ("seed = 99999999999", "training.seed: must be at most 4 294 967 295, not 99999999999"),
        ("seed = 1979-05-27", "training.seed: must be an integer ≥ 0, not 1979-05-27"),
        ("batch-size = 3", "training.batch-size: unknown key; did you mean batch_size?"),
        ("lr = 1", "training.lr: unknown key; did you mean optimizer.lr?"),
        ("[training.epochs]\na = 1", "training.epochs: must be an integer ≥ 1, not a table"),
    ],
)
def test_a_wrong_value_is_told_with_what_was_expected_and_what_was_given(line: str, said: str) -> None:
    assert problems_of(f"[training]\n{line}") == [said]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[optimizer]\nkind = "adamw"\nmomentum = 0.9', "optimizer.momentum: belongs to muon, rmsprop and sgd; kind is adamw; set optimizer.kind to one of these, or leave it out"),
        ("[model]\nhidden = [3]", "model.hidden: belongs to mlp; kind is cnn; set model.kind to mlp, or leave it out"),
        ("[data]\nroot = 'x'", "data.root: belongs to cifar10, cifar100, fashion_mnist, hf, image_folder and mnist; kind is digits; set data.kind to one of these, or leave it out"),
        ('[optimizer]\nkind = "admw"', 'optimizer.kind: must be one of adagrad, adam, adamw, muon, nadam, radam, rmsprop, sgd, not "admw"; did you mean adamw?'),
        ("[optimizer]\nkind = 3", "optimizer.kind: must be one of adagrad, adam, adamw, muon, nadam, radam, rmsprop, sgd, not 3"),
        ("[optimizer]\nbetas = [0.9]", "optimizer.betas: must be two numbers, each ≥ 0 and < 1, not [0.9]"),
        ("[optimizer]\nbetas = [0.9, 1.0]", "optimizer.betas: must be two numbers, each ≥ 0 and < 1, not 1.0"),
        ("[model]\nchannels = [8, 0]", "model.channels: must be a list of integers, each ≥ 1, not 0"),
        ("[model]\nkernel_size = [3, true]", "model.kernel_size: must be an integer ≥ 1, or a list of them, not true"),
        ("[model]\nkind = 'torchvision'\nname = 'ResNet 18'", 'model.name: must be the name of a torchvision model, such as resnet18, not "ResNet 18"'),
        ("[data]\nkind = 'mnist'\nroot = ''", 'data.root: must be a folder, not ""'),
        ("[data]\nkind = 'mnist'\nroot = \"a\\u001b[2J\"", 'data.root: must be printable, which "a\\x1b[2J" is not'),
        ("[optimiser]\nlr = 1", "optimiser: unknown section; did you mean optimizer?"),
        ("[nonsense]", "nonsense: unknown section; there are: model, init, freeze, data, task, augment, optimizer, schedule, training, monitor, sample"),
        ("lr = 1", "lr: stands outside any section; did you mean optimizer.lr?"),
        ("channels = 1", "channels: stands outside any section; did you mean model.channels or data.channels?"),
        ("num-workers = 1", "num-workers: unknown key; did you mean data.workers?"),
        ("[training]\nmax_grad_norm = 1", "training.max_grad_norm: unknown key; did you mean training.clip?"),
        ("trainin = 1", "trainin: unknown key; did you mean training?"),
        ("model = 'cnn'", 'model: must be a table, [model], not "cnn"'),
        ('"\\u001b[31m" = 1', "\x1b[31m: unknown key"),
    ],
)
def test_what_stands_in_the_wrong_place_is_told_where_it_belongs(text: str, said: str) -> None:
    assert problems_of(text) == [said]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[optimizer]\nkind = 'muon'\nimplementation = 'foreach'", "optimizer.implementation: must be auto: Muon has one implementation alone"),
        ("[optimizer]\nkind = 'sgd'\nmomentum = 0\nnesterov = true", "optimizer.nesterov: requires optimizer.momentum > 0, which is 0"),
        ("[schedule]\nmin_lr = 0.5", "schedule.min_lr: must not exceed optimizer.lr, which is 0.001; it is 0.5"),
        ("[schedule]\nwarmup_steps = 691", "schedule.warmup_steps: is 691, longer than the run: 30 epochs are 690 steps"),
        ("[schedule]\nwarmup_steps = 1\nwarmup_epochs = 1", "schedule.warmup_epochs: cannot be combined with schedule.warmup_steps, which is 1: give one of them"),
        ("[schedule]\nwarmup_epochs = 31", "schedule.warmup_epochs: is 31, longer than the run of 30 epochs"),
        ("[schedule]\nwarmup_steps = 11\n[training]\nsteps = 10", "schedule.warmup_steps: is 11, longer than the run: training.steps is 10"),
        ("[schedule]\nkind = 'multistep'\nmilestones = [3, 2]", "schedule.milestones: must be increasing"),
        ("[optimizer]\nkind = 'sgd'\nnesterov = true\ndampening = 0.1", "optimizer.nesterov: requires optimizer.dampening = 0, which is 0.1"),
        ("[training]\nclip = 1.0\nclip_value = 0.5", "training.clip_value: cannot be combined with training.clip, which is 1: clip by norm or by value"),
        ("[model]\nkind = 'transformer'\npatch_size = 3", "model.patch_size: must divide the side of the images, 8 for digits; it is 3"),
        ("[model]\nkind = 'transformer'\nnum_heads = 5", "model.num_heads: must divide model.hidden_size, which is 64; it is 5"),
        ("[model]\nkind = 'language_model'", "model.kind: must be a model of images where data.kind is digits, not language_model"),
        ("[data]\nkind = 'text'", "model.kind: must be language_model where data.kind is text, not cnn"),
        ("[sample]\nprompt = 'Alice'", "sample.prompt: requires data.kind = text, whose tokens are known; it is digits"),
        ("[data]\nkind = 'text'\n[model]\nkind = 'language_model'\n[augment]\nflip = 0.5", "augment.flip: requires images; data.kind is text"),
        ("[model]\nkind = 'custom'\ntarget = 'build'", 'model.target: must be package.module:callable, not "build"'),
        ("[model]\nkind = 'torchvision'\narguments = 3", "model.arguments: must be a table of keyword arguments, such as {width = 64}, not 3"),
        ("[model]\nkind = 'torchvision'\narguments = {'a-b' = 3}", "model.arguments: must be a table of keyword arguments, such as {width = 64}, not a table"),
        ("[monitor]\nhealthy_low = 100", "monitor.healthy_low: must be below monitor.healthy_high, which is 100; it is 100"),
        ("[model]\nchannels = []", "model.channels: needs at least one number: one for each stage"),
        ("[model]\nstride = [1, 2, 3]", "model.stride: has 3 numbers, but model.channels makes 2 stages: give one number, or 2"),
        ("[model]\nkernel_size = 11", "model.kernel_size: 11 is larger than the input of stage 1: digits is 8×8 there (10×10 with padding)"),
        ("[model]\nkernel_size = 9\npadding = 0", "model.kernel_size: 9 is larger than the input of stage 1: digits is 8×8 there"),
        ("[model]\nstride = 4\nkernel_size = 5", "model.kernel_size: 5 is larger than the input of stage 2: digits is 2×2 there (4×4 with padding)"),
    ],
)
def test_fields_that_cannot_go_together_are_told(text: str, said: str) -> None:
    assert problems_of(text) == [said]


@pytest.mark.parametrize(
    "text",
    [
        "[schedule]\nwarmup_steps = 690",
        "[schedule]\nmin_lr = 0.001",
        "[model]\nchannels = [8]\nkernel_size = 10",
        "[model]\nstride = [1, 2]\nkernel_size = [3]\npadding = [1, 0]",
        "[model]\nkind = 'mlp'\nhidden = []",
        "[model]\nkernel_size = 11\n[data]\nkind = 'mnist'",
        "[optimizer]\nlr = 1",
        "\ufeff[optimizer]\nlr = 1",
        "",
    ],
)
def test_what_is_just_right_is_taken(text: str) -> None:
    assert problems_of(text) == []


def test_all_problems_are_told_at_once_in_the_order_of_the_file_with_file_and_line() -> None:
    text = """\
[training]
epochs = 0

  [ optimizer ]  # how
lr = -1
"betas" = [1]
[data]
kind = 'fake'
classes = 1
"""
    with pytest.raises(ConfigProblems) as wrong:
        parse_config(text, source="mine.toml")
    assert str(wrong.value).split("\n") == [
        "mine.toml:2: training.epochs: must be an integer ≥ 1, not 0",
        "mine.toml:5: optimizer.lr: must be a number > 0, not -1",
        "mine.toml:6: optimizer.betas: must be two numbers, each ≥ 0 and < 1, not [1]",
        "mine.toml:9: data.classes: must be an integer ≥ 2, not 1",
    ]


def test_lines_are_found_in_inline_tables_and_dotted_keys_too() -> None:
    with pytest.raises(ConfigProblems) as wrong:
        parse_config("training.epochs = 0\noptimizer = { lr = -1 }\n", source="mine.toml")
    assert [(problem.key, problem.line) for problem in wrong.value.problems] == [("training.epochs", 1), ("optimizer.lr", 2)]


def test_a_problem_is_one_line_that_cannot_steer_a_terminal() -> None:
    with pytest.raises(ConfigProblems) as wrong:
        parse_config('"\\u001b[2J\\n" = 1\n[training]\ndevice = "\\u001b]0;x\\u0007"\n', source="a\x1b[31m.toml")
    lines = str(wrong.value).split("\n")
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


def test_very_long_values_and_keys_are_cut_short() -> None:
    with pytest.raises(ConfigProblems) as wrong:
        parse_config(f'{"k" * 5_000} = 1\n[training]\ndevice = "{"x" * 5_000}"\nepochs = [{"1," * 5_000}]\n')
    assert all(len(line) < 300 for line in str(wrong.value).split("\n"))


def test_numbers_too_long_to_convert_are_a_problem() -> None:
    assert problems_of(f"[training]\nseed = {'9' * 4_000}") == ["training.seed: must be at most 4 294 967 295, not a very long number"]
    assert len(problems_of(f"[training]\nseed = {'9' * 10_000}")) == 1


def test_the_default_configuration_agrees_with_itself() -> None:
    assert parse_config("") == Config()


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("optimizer.lr", "1e400", "must be at most 1e30, not 1e400"),
        ("optimizer.lr", "-1e400", "must be a number > 0, not -1e400"),
        ("optimizer.lr", "1e-400", "must be a number > 0; 1e-400 is nearer to 0 than any number but 0 that a float holds"),
        ("optimizer.weight_decay", "1e-400", "must be a number ≥ 0; 1e-400 is nearer to 0 than any number but 0 that a float holds"),
        ("optimizer.lr", "-nan", "must be a number > 0, not -nan"),
        ("optimizer.lr", "+inf", "must be a number > 0, not +inf"),
        ("optimizer.lr", "-0.0", "must be a number > 0, not -0.0"),
        ("optimizer.lr", "1e5_0", "must be at most 1e30, not 1e5_0"),
        ("training.epochs", "1e400", "must be an integer ≥ 1, not 1e400"),
    ],
)
def test_a_number_is_quoted_as_it_was_written(key: str, text: str, said: str) -> None:
    table, _, name = key.partition(".")
    written = f"[{table}]\n{name} = {text}\n"

    with pytest.raises(ConfigProblems) as in_file:
        parse_config(written, source="my.toml")
    with pytest.raises(ConfigProblems) as typed:
        parse_config("", overrides=[f"{key}={text}"])
    tables = to_tables(Config())

    assert str(in_file.value) == f"my.toml:2: {key}: {said}"
    assert str(typed.value) == f"{key}: {said}"
    assert check_field(tables, key, text)[1] == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-0", "must be a number > 0, not -0"),
        ("0x10", 'must be a number > 0, not "0x10"'),
        ("1,5", 'must be a number > 0, not "1,5"'),
        ("9" * 50, f"must be at most 1e30, not {'9' * 50}"),
        ("1" * 5000, f"must be at most 1e30, not {'1' * 59}…"),
    ],
    ids=lambda text: text[:10],
)
def test_what_is_typed_for_a_number_is_quoted(text: str, said: str) -> None:
    with pytest.raises(ConfigProblems) as typed:
        parse_config("", overrides=[f"lr={text}"])
    assert str(typed.value) == f"optimizer.lr: {said}"
    assert check_field(to_tables(Config()), "optimizer.lr", text)[1] == said


def test_what_is_no_toml_is_quoted_with_its_line() -> None:
    for text, said in (("1,5", "expected newline or end of document after a statement: lr = 1,5"), ("1e", "expected newline or end of document after a statement: lr = 1e")):
        with pytest.raises(ConfigProblems) as problems:
            parse_config(f"[optimizer]\nlr = {text}\n", source="my.toml")
        assert str(problems.value) == f"my.toml:2: is not TOML: {said}"
    with pytest.raises(ConfigProblems) as problems:
        parse_config(f"[optimizer]\nlr = {'1' * 5000}\n", source="my.toml")
    assert str(problems.value) == f"my.toml:2: has a number of 5000 digits, which is too long: {'1' * 59}…"


def test_arguments_of_other_code_are_plain_numbers() -> None:
    config = parse_config('[model]\nkind = "custom"\ntarget = "mine:model"\narguments = {a = 1e-400, b = inf, c = [0.50], d = {e = 1.0}}')
    found = to_tables(config)["model"]["arguments"]
    assert found == {"a": 0.0, "b": float("inf"), "c": [0.5], "d": {"e": 1.0}}
    assert {type(each) for each in (found["a"], found["b"], *found["c"], *found["d"].values())} == {float}


def test_each_name_of_another_library_leads_to_one_key_that_exists() -> None:
    names = [name for each in OTHER_NAMES.values() for name in each]
    assert set(OTHER_NAMES) <= set(all_keys())
    assert len(names) == len(set(names))

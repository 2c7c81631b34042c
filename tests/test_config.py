import dataclasses
import json
import subprocess
import sys

import pytest

from sr_tf.config import FREE_TO_CHANGE, PHASES, PRESETS, TrainConfig, load_config, preset, require_same_run
from sr_tf.errors import UserError

EVERY_PRESET = pytest.mark.parametrize(("name", "phase"), sorted(PRESETS))
# A value that no preset has, of the field's own type.
OTHER = {bool: lambda value: not value, int: lambda value: value + 1, float: lambda value: value / 2 + 0.1}


def changed(config, name):
    field = next(field for field in dataclasses.fields(config) if field.name == name)
    value, choices = getattr(config, name), field.metadata["choices"]
    if choices:
        other = next(choice for choice in choices if choice != value)
    elif name in ("scale", "lr_qualities"):
        other = {"scale": 8, "lr_qualities": "30,60"}[name]
    else:
        other = OTHER.get(field.type, lambda text: text + "other")(value)
    return dataclasses.replace(config, **{name: other})


def test_every_preset_has_both_phases():
    assert set(PRESETS) == {(name, phase) for name in ("paper", "small", "smoke") for phase in PHASES}


@EVERY_PRESET
def test_presets_are_frozen(name, phase):
    with pytest.raises(dataclasses.FrozenInstanceError):
        PRESETS[name, phase].steps = 1
    before = dataclasses.asdict(PRESETS[name, phase])
    assert preset(name, phase, steps=7).steps == 7
    assert dataclasses.asdict(PRESETS[name, phase]) == before


def test_paper_is_the_study():
    for phase, steps in (("pretrain", 20_000), ("gan", 30_000)):
        config = preset("paper", phase)
        assert (config.phase, config.steps) == (phase, steps)
        assert (config.blocks, config.filters, config.scale) == (32, 64, 4)
        assert config.schedule == {"pretrain": "constant", "gan": "cosine"}[phase]
        assert (config.warmup_steps, config.learning_rate) == (0, 1e-4)
        assert (config.degradation, config.keep_best) == ("study", 3)


@pytest.mark.parametrize("name", ["paper", "small", "smoke"])
def test_loss_and_selection_of_a_gan_use_other_networks_than_the_metric(name):
    config = preset(name, "gan")
    assert (config.content, config.content_form, config.select_by) == ("vgg16", "lpips", "enl0")
    # What holds pixels and colours; without them the loss draws lattices and shifts colours.
    assert config.pixel_weight > 0 and config.colour_weight >= 5


@pytest.mark.parametrize("name", ["paper", "small", "smoke"])
def test_gan_fine_tunes_what_pretrain_leaves(name):
    first, second = (preset(name, phase) for phase in PHASES)
    assert second.pretrained == first.run_dir == f"runs/{name}-pretrain"
    assert second.run_dir == f"runs/{name}-gan"
    for field in ("blocks", "filters", "scale", "residual_scaling", "degradation"):
        assert getattr(first, field) == getattr(second, field)


def test_changes_win_over_the_preset_falsy_ones_too():
    config = preset("small", "gan", run_dir="here", pretrained="there", validate_every=9, content_weight=0.0)
    assert (config.run_dir, config.pretrained, config.validate_every, config.content_weight) == ("here", "there", 9, 0)
    untouched = preset("small", "gan")
    assert config == dataclasses.replace(
        untouched, run_dir="here", pretrained="there", validate_every=9, content_weight=0.0
    )


@pytest.mark.parametrize(("name", "phase"), [("papers", "gan"), ("paper", "both")])
def test_unknown_presets_are_named(name, phase):
    with pytest.raises(UserError, match=f"--preset={name} --phase={phase}: expected .*paper, small, smoke"):
        preset(name, phase)


@EVERY_PRESET
def test_json_round_trip(tmp_path, name, phase):
    config = preset(name, phase, run_dir=str(tmp_path / "läuft"), seed=5)
    config.save(tmp_path / "config.json")
    assert load_config(tmp_path / "config.json") == config
    assert json.loads((tmp_path / "config.json").read_text("utf-8"))["seed"] == 5


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"unheard_of": 1}', '{"steps": "many"}', "\x00"])
def test_what_is_no_configuration_is_named(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"config\.json: .*expected a configuration"):
        load_config(path)


def test_a_missing_configuration_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.json: .*expected a configuration"):
        load_config(tmp_path / "none.json")


CHOICES = {field.name: field.metadata["choices"] for field in dataclasses.fields(TrainConfig)}


@pytest.mark.parametrize("name", [name for name, choices in CHOICES.items() if choices])
def test_unknown_choices_are_refused(name):
    with pytest.raises(UserError, match=f"--{name}=guess: expected one of {', '.join(CHOICES[name])}"):
        TrainConfig(**{name: "guess"})


POSITIVE = (
    *("steps", "batch_size", "crop_size", "blocks", "filters", "discriminator_filters", "scene_size"),
    *("learning_rate", "validate_every", "validation_scenes", "keep_best", "log_every"),
)


@pytest.mark.parametrize("value", [0, -1])
@pytest.mark.parametrize("name", POSITIVE)
def test_numbers_that_must_be_positive(name, value):
    with pytest.raises(UserError, match=f"--{name}={value}: expected a number above 0"):
        TrainConfig(**{name: value})


@pytest.mark.parametrize(("name", "values"), [("scale", (0, 3, 5, 16)), ("ema_decay", (-0.1, 1, 1.5))])
def test_numbers_out_of_range(name, values):
    for value in values:
        with pytest.raises(UserError, match=f"--{name}={value}: expected"):
            TrainConfig(**{name: value})


@pytest.mark.parametrize(
    "name, value",
    [
        ("learning_rate", float("nan")),
        ("discriminator_learning_rate", -1.0),
        ("warmup_steps", -3),
    ],
)
def test_numbers_that_training_could_not_use(name, value):
    with pytest.raises(UserError, match=f"--{name}={value}: expected"):
        TrainConfig(**{name: value})


def test_structure_wants_patches_that_its_window_fits_in():
    TrainConfig(structure_weight=1.0, crop_size=11)
    TrainConfig(crop_size=10)
    with pytest.raises(UserError, match="--crop_size=10: HR patches have a side of 40 pixels, expected at least 44"):
        TrainConfig(structure_weight=1.0, crop_size=10)


def test_bounds_belong_to_the_range():
    for scale in (2, 4, 8):
        assert TrainConfig(scale=scale, ema_decay=0.0).scale == scale


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(TrainConfig)])
def test_a_run_goes_on_only_with_the_settings_it_began_with(tmp_path, name):
    # A reducer learns in the first phase only.
    earlier = preset("small", "pretrain" if name == "learn_reduction" else "gan", lr_qualities="30")
    now = changed(earlier, name)
    require_same_run(earlier, earlier, tmp_path)
    if name in FREE_TO_CHANGE:
        require_same_run(now, earlier, tmp_path)
        return
    with pytest.raises(UserError) as error:
        require_same_run(now, earlier, tmp_path)
    message = str(error.value)
    assert message.startswith(f"{tmp_path}: ")
    assert f"{name} was {getattr(earlier, name)}, now {getattr(now, name)}" in message
    assert "\n" not in message


def test_light_modules_import_no_tensorflow():
    modules = ("config", "cli.flags", "disk.files", "generators.load", "images.degradation", "images.reading")
    imports = ", ".join(f"sr_tf.{name}" for name in modules)
    check = f"import sys, {imports}; assert not {{'tensorflow', 'keras'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, capture_output=True)


def test_qualities_are_numbers_of_the_codec():
    assert TrainConfig().qualities == ()
    assert TrainConfig(lr_qualities="0,40,100").qualities == (0, 40, 100)
    for bad in ("101", "high", "1,,2", "-1", "1.5"):
        with pytest.raises(UserError, match=f"--lr_qualities={bad}: expected whole numbers from 0 to 100"):
            TrainConfig(lr_qualities=bad)

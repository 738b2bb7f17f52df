"""`config.json` read back as it was written, and nothing else read at all."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from awcu.errors import ModelError
from awcu.models.config import ModelConfig, from_json, of_task
from awcu.models.objective import Binary, RatingDistribution, Score
from awcu.models.reference import Reference
from awcu.models.usual import PLACES, End, Usual

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=20)
CONFIG = ModelConfig(
    network={
        "backbone": "test_resnet",
        "output_stride": None,
        "image_size": 64,
        "pad_type": "",
        "drop_rate": 0.0,
        "detach_attributes": False,
    },
    objective="binary",
    scale=(1.0, 2.0, 3.0, 4.0, 5.0),
    midpoint=3.5,
    attribute_names=("indoors", "bokeh „offen“"),
    attribute_loss="multi_label",
    preparation={"size": 64, "aspect": "warp", "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.2, 0.2)},
    train_fingerprint="0123456789ab",
    reference=Reference.measure(SCORES, RNG.normal(size=(20, 2)), np.abs(SCORES), np.ones((20, 2))),
)
USUAL = Usual("noise", tuple(float(place) for place in range(PLACES)), End(-0.5, 0.1, -0.4, 0.1), None)
REASONED = replace(CONFIG, reference=replace(CONFIG.reference, usual=(USUAL,)))
TEXT = CONFIG.to_json("ab" * 32)


def changed(**values):
    """The text with other values; a key of a nested object is written section__key."""
    document = json.loads(TEXT)
    for name, value in values.items():
        *sections, key = name.split("__")
        place = document
        for section in sections:
            place = place[section]
        place[key] = value
    return json.dumps(document)


def usually(**values):
    """The text of a model that knows what is usual of noise, with other values of it."""
    document = json.loads(REASONED.to_json("ab" * 32))
    document["reference"]["usual"][0] |= values
    return json.dumps(document)


def without(*path):
    document = json.loads(TEXT)
    place = document
    for section in path[:-1]:
        place = place[section]
    del place[path[-1]]
    return json.dumps(document)


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        replace(CONFIG, reference=None),
        REASONED,
        replace(CONFIG, trained_on="gallery"),
        replace(CONFIG, attribute_names=(), reference=replace(CONFIG.reference, link=None)),
        replace(CONFIG, objective="distribution", attribute_loss="single_label"),
    ],
)
def test_what_is_written_is_read(config):
    assert config.reference is None or config.reference.link is None or config.reference.link.means
    assert from_json(config.to_json("ab" * 32), "config.json") == (config, "ab" * 32)


def test_the_text_says_what_is_needed_to_use_the_model_elsewhere():
    document = json.loads(TEXT)
    assert document["format"] == 1
    assert document["high"] == "mean rating above 3.5 on a scale from 1 to 5"
    assert document["preparation"] == {"size": 64, "aspect": "warp", "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2]}
    assert document["attribute_names"] == ["indoors", "bokeh „offen“"]
    assert "„offen“" in TEXT


def test_what_is_not_given_is_the_networks_default_and_places_are_left_out():
    short = replace(CONFIG, network={"backbone": "test_resnet", "image_size": 64, "weights_file": "/home/me/w.pth"})
    assert "/home/me" not in short.to_json("")
    assert from_json(short.to_json(""), "c")[0] == CONFIG


def test_a_model_that_an_earlier_version_wrote_does_not_say_what_it_was_trained_on():
    assert from_json(without("trained_on"), "config.json")[0].trained_on == ""


def test_a_model_that_an_earlier_version_wrote_knows_no_reasons():
    assert from_json(without("reference", "usual"), "config.json")[0] == CONFIG


def test_a_tasks_settings_are_a_configuration():
    settings = {name: getattr(CONFIG, name) for name in ("objective", "scale", "midpoint", "attribute_loss")}
    settings |= {"attribute_names": list(CONFIG.attribute_names), "learning_rate": 1e-3, "train_fingerprint": "f"}
    settings |= {"network": {"backbone": "test_resnet", "image_size": 64, "pretrained": True, "weights_file": "w.pth"}}
    settings |= {"preparation": CONFIG.preparation}
    assert of_task(settings, CONFIG.reference, "x.ckpt") == replace(CONFIG, train_fingerprint="f")
    named = of_task(settings | {"trained_on": "gallery"}, CONFIG.reference, "x.ckpt")
    assert named == replace(CONFIG, train_fingerprint="f", trained_on="gallery")
    with pytest.raises(ModelError, match=r"x\.ckpt: midpoint is None: Input should be a valid number"):
        of_task(settings | {"midpoint": None}, None, "x.ckpt")
    with pytest.raises(ModelError, match=r"scale is .*: Input should be a valid array"):
        of_task(settings | {"scale": {1.0, 5.0}}, None, "x.ckpt")
    diverged = replace(CONFIG.reference, score_sd=float("nan"))
    assert math.isnan(of_task(settings, diverged, "x.ckpt").reference.score_sd)


def test_the_objective_and_the_network_are_built():
    assert CONFIG.build_objective() == Binary()
    distribution = replace(CONFIG, objective="distribution")
    assert distribution.build_objective() == RatingDistribution(CONFIG.scale, 3.5)
    assert replace(CONFIG, objective="score").build_objective() == Score(CONFIG.scale, 3.5)
    net = distribution.build_network()
    assert (net.aesthetic_head.out_features, net.attribute_head.out_features) == (5, 2)


def test_a_model_that_diverged_is_not_written():
    with pytest.raises(ModelError, match=r"not finite .* its training diverged"):
        replace(CONFIG, reference=replace(CONFIG.reference, score_sd=float("nan"))).to_json("")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"config\.json is not JSON"),
        (TEXT.replace("3.5", "NaN"), "not JSON .NaN is no number"),
        ("[1]", "has the format 'list'"),
        ("{}", "has the format None; awcu .* reads format 1"),
        (changed(format=2), "has the format 2"),
        (changed(format="1"), "has the format '1'"),
        (without("midpoint"), "config.json: midpoint: Field required; export the model again"),
        (without("weights_sha256"), "weights_sha256: Field required"),
        (without("network", "pad_type"), "network: pad_type: Field required"),
        (without("reference", "link", "r2"), "reference: link: r2: Field required"),
        (changed(extra=1), "config.json: extra: Unexpected"),
        (changed(network__weights_file="/etc/passwd"), "network: weights_file: Extra"),
        (changed(network="test_resnet"), "network is 'test_resnet': Input should be an object"),
        (changed(network=None), "network is None: Input should be an object"),
        (changed(network__image_size="64"), "image_size is '64': Input should be a valid integer"),
        (changed(network__image_size=64.0), "image_size is 64.0: Input should be a valid integer"),
        (changed(network__detach_attributes=0), "detach_attributes is 0: Input should be a valid boolean"),
        (changed(reference__score_sd="1"), "reference: score_sd is '1': Input should be a valid number"),
        (changed(reference__extra=1), "reference: extra: Unexpected"),
        (changed(scale="12345"), "scale is '12345': Input should be a valid array"),
        (changed(scale=[1, 2, True]), "scale: 2 is True: Input should be a valid number"),
        (changed(scale=[5, 4, 1]), "scale is .*; it must be ascending"),
        (changed(scale=[]), "scale is .*; it must be ascending"),
        (changed(midpoint=5), "midpoint is 5.0; it must be inside the scale"),
        (changed(objective="emd"), "objective is 'emd': Input should be 'binary', 'distribution' or 'score'"),
        (changed(attribute_loss="none"), "attribute_loss is 'none': Input should be 'multi_label' or"),
        (changed(attribute_names=[1]), "attribute_names: 0 is 1: Input should be a valid string"),
        (
            changed(preparation__aspect="stretch"),
            "aspect is 'stretch': Input should be 'warp', 'letterbox', 'crop' or 'keep'",
        ),
        (changed(preparation__size=0), "size is 0: Input should be greater than 0"),
        (changed(preparation__mean=[0.5]), "mean: 1: Field required; preparation: mean: 2: Field required"),
        (changed(preparation__mean=[0.5] * 4), "preparation: mean is .*: Tuple should have at most 3 items"),
        (changed(preparation__std=[0.2, 0.2, 0]), "std: 2 is 0: Input should be greater than or equal to 0.001"),
        (changed(preparation__size=20_000), "size is 20000: Input should be less than or equal to 2048"),
        (changed(network__image_size=60_000), "image_size is 60000: Input should be less than or equal to 2048"),
        (changed(network__image_size=0), "image_size is 0: Input should be greater than 0"),
        (changed(network__drop_rate=2.0), "drop_rate is 2.0: Input should be less than 1"),
        (changed(network__output_stride=0), "output_stride is 0: Input should be greater than 0"),
        (changed(network__backbone="x" * 900_000), r"backbone is 'x+\.\.\.: String should have at most 200"),
        (changed(preparation__mean=[1e300, 0, 0]), r"mean: 0 is 1e\+300: Input should be less than or equal to 1"),
        (changed(preparation__std=[1, 1, 1e-300]), "std: 2 is 1e-300: Input should be greater than or equal to 0.001"),
        (changed(scale=[0, 1e300]), r"scale: 1 is 1e\+300: Input should be less than or equal to 1000000"),
        (TEXT.replace("3.5", "1e400"), "not JSON .'1e400' is too large for a number"),
        (TEXT.replace("3.5", "9" * 400), r"not JSON .'9+\.\.\. is too large for a number"),
        (changed(attribute_names=["indoors"] * 2), r"attribute_names is \(.*\); it must be different names"),
        ("[" * 100_000, r"^config\.json nests its brackets too deep; export the model again$"),
        (changed(reference__scores=[0.0]), "scores is of length 1; it must be 101 numbers"),
        (usually(name="beauty"), r"usual is \['beauty'\]; it must be different attributes that are measured"),
        (usually(quantiles=[0.0, 1.0]), r"usual is noise \(0.0, 1.0\); it must be 21 ascending numbers"),
        (usually(quantiles=[0.0] * 20 + [-1.0]), "it must be 21 ascending numbers"),
        (usually(low={"gap": 1.0}), "low: half_width: Field required"),
        (changed(reference__link__slopes=[1.0]), r"link is of lengths \(2, 1\); it must be 2 each"),
    ],
)
def test_what_is_no_configuration_is_named(text, message):
    with pytest.raises(ModelError, match=message):
        from_json(text, "config.json")


@pytest.mark.parametrize("text", [changed(**{"a\nb" * 10_000: 1}), changed(format="a\nb" * 10_000)])
def test_a_hostile_key_or_value_makes_one_short_line(text):
    with pytest.raises(ModelError, match=r"config\.json.*a\\nb") as raised:
        from_json(text, "config.json")
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300

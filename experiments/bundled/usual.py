"""Writes what is usual of the bundled model's validation photographs into its config.json and its card.

python experiments/bundled/usual.py --biq2021 FOLDER

As `awcu export RUN --reasons` does where the run's folder is at hand.
"""

import argparse
import re
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from experiments import measurement

from awcu.files import write_atomically
from awcu.images.decoding import decode
from awcu.inference.predictor import AestheticModel
from awcu.inference.reasons import usual_of
from awcu.models.card import measured_section
from awcu.models.config import from_json
from awcu.models.pretrained import BUNDLED, CARD, CONFIG


def main() -> None:
    """Measure, and write both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--biq2021", type=Path, required=True, help="folder of mos_all.csv and images/")
    arguments = parser.parse_args()
    model = AestheticModel.from_pretrained(BUNDLED)
    rated = measurement.rated(["experiment=bundled", f"data.root={arguments.biq2021}"])
    if rated.of_split("train").split_fingerprint != model.config.train_fingerprint:
        raise SystemExit(f"{rated.name}: the model has learned from other photographs than the training split's")
    validated = rated.of_split("val")
    config, sha256 = from_json((BUNDLED / CONFIG).read_text(encoding="utf-8"), CONFIG)
    assert config.reference is not None
    usual = usual_of((decode(path) for path in validated.image_paths.tolist()), model.scores)
    config = replace(config, reference=replace(config.reference, usual=usual))
    write_atomically(BUNDLED / CONFIG, config.to_json(sha256))
    card = (BUNDLED / CARD).read_text(encoding="utf-8")
    without = re.sub(r"## Measured attributes.*?(?=## Limits)", "", card, flags=re.DOTALL)
    section = "\n\n".join(measured_section(config)) + "\n\n## Limits"
    write_atomically(BUNDLED / CARD, without.replace("## Limits", section))
    print("\n".join(map(str, usual)))


if __name__ == "__main__":
    main()

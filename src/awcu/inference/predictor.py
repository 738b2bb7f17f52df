"""A model in the user's hand: it scores, explains and crops photographs."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from awcu.errors import BackboneError, ImageError, ModelError
from awcu.images.boxes import Box
from awcu.images.decoding import Encoded, decode, decode_bytes
from awcu.images.transforms import Preparation
from awcu.inference.crop import Proposal
from awcu.inference.explanation import Explanation, Verdict
from awcu.inference.reasons import Reason, reasons
from awcu.models.config import ModelConfig
from awcu.models.network import ActivationMaps, AestheticNet, Logits
from awcu.models.pretrained import load, new_folder, upload, write

Photograph = str | Path | Encoded | NDArray[np.uint8]
"""A file on disk or in memory, or `(H, W, 3)` RGB."""

CANDIDATES = 12  # crops that are judged again


class AestheticModel:
    """A trained network with all that is needed to judge photographs that no data set holds.

    Args:
        config: What the network is and how it was trained.
        net: The network with its weights.
        device: Where it runs; None for an accelerator if there is one.
    """

    def __init__(self, config: ModelConfig, net: AestheticNet, device: str | torch.device | None = None) -> None:
        self.config = config
        self.objective = config.build_objective()
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device if device is not None else accelerator)
        self.net = net.eval().to(self.device).to(memory_format=torch.channels_last)
        self._preparation = Preparation(**config.preparation)

    @classmethod
    def from_pretrained(
        cls, source: str | Path, device: str | torch.device | None = None, output_stride: int | None = None
    ) -> Self:
        """The model of an exported folder, a training checkpoint, a run's folder or a repository on the Hub.

        Args:
            source: Path or repository id.
            device: None for an accelerator if there is one.
            output_stride: Pixels per cell of the maps, where the backbone can be dilated: 16 or 8 give finer maps
                than the usual 32, from the same weights but not exactly the same verdict.

        Raises:
            ModelError: It is none of these, of another version, or damaged.
            BackboneError: A stride that the backbone cannot have.
        """
        config, state = load(source)
        if output_stride is not None:
            config = replace(config, network=config.network | {"output_stride": output_stride})
        net = config.build_network()
        net.load_state_dict(state)
        return cls(config, net, device)

    def save_pretrained(self, folder: str | Path, overwrite: bool = False) -> None:
        """Write the model as a folder that `from_pretrained` reads; `awcu export` gives its card the run's facts too.

        Args:
            folder: Written wholly or not at all.
            overwrite: Replace an exported folder.

        Raises:
            ModelError: The folder exists, or holds anything but an exported model.
        """
        target = Path(folder).resolve()
        with new_folder(target, overwrite) as new:
            self._write(new, target.name)

    def push_to_hub(self, repo_id: str, private: bool = False) -> str:
        """Upload the model to the Hugging Face Hub as `save_pretrained` writes it; the address of the commit.

        Args:
            repo_id: `user/name`; made where there is none.
            private: Make a new repository private.

        Raises:
            ModelError: No such name, not logged in, or no connection.
        """
        with TemporaryDirectory() as folder:
            self._write(Path(folder), repo_id)
            return upload(Path(folder), repo_id, private)

    def prepare(self, photograph: Photograph) -> Tensor:
        """`(3, h, w)` normalised input of a photograph; any thread may call it.

        Raises:
            ImageError: An unreadable file, or an array that is no RGB photograph.
        """
        pixels = _pixels(photograph, self._preparation.size)
        try:
            return self._preparation(pixels)
        except ImageError as error:
            raise ImageError(f"{_name(photograph)}: {error}") from error

    @torch.inference_mode()
    def verdicts(self, images: Sequence[Tensor] | Tensor) -> list[Verdict]:
        """One verdict for each of the prepared images `(3, h, w)`.

        Raises:
            ModelError: The model's answer is not finite.
        """
        of_shape: dict[torch.Size, list[int]] = {}
        for place, image in enumerate(images):
            of_shape.setdefault(image.shape, []).append(place)
        found: dict[int, Verdict] = {}
        for places in of_shape.values():
            batch = torch.stack([images[place] for place in places])
            found |= zip(places, self._verdicts(self.net(self._moved(batch))), strict=True)
        return [found[place] for place in range(len(images))]

    def score(self, photographs: Iterable[Photograph], batch_size: int = 32) -> list[Verdict]:
        """One verdict a photograph.

        Raises:
            ImageError: From `prepare`; the command line goes on instead.
        """
        left, verdicts = iter(photographs), list[Verdict]()
        # No more than a batch in memory at a time.
        while batch := [self.prepare(photograph) for photograph in islice(left, max(batch_size, 1))]:
            verdicts += self.verdicts(batch)
        return verdicts

    def scores(self, photographs: Iterable[Photograph]) -> list[float]:
        """The scores alone; argument and error as those of `score`."""
        return [verdict.score for verdict in self.score(photographs)]

    @torch.inference_mode()
    def explain(self, photograph: Photograph, flip: bool = False, scales: Sequence[float] = (1.0,)) -> Explanation:
        """The verdict on one photograph with AesAM and AttAM, from one forward pass, and reasons from a few more.

        Args:
            photograph: A file, or `(H, W, 3)` RGB.
            flip: Average with the mirror image. Verdict and maps are then those of the average.
            scales: Sizes of the network's input as multiples of its own, averaged; (1.0, 1.5) gives finer maps.

        Raises:
            ImageError: From `prepare`.
            BackboneError: A scale at which the backbone cannot run.
            ModelError: The model's answer is not finite.
        """
        logits, maps = self.averaged(self.prepare(photograph), flip, scales)
        likelihood, pixels = self.objective.probability(maps.aesthetic), _pixels(photograph)
        return Explanation(
            pixels,
            self._verdicts(logits)[0],
            self.objective.evidence(maps.aesthetic)[0].cpu().numpy(),
            None if likelihood is None else likelihood[0].cpu().numpy(),
            dict(zip(self.config.attribute_names, maps.attributes[0].cpu().numpy(), strict=True)),
            self.config.preparation["aspect"],
            self.config.reference,
            self.objective,
            self.config.trained_on,
            self._reasons(pixels),
        )

    @torch.inference_mode()
    def averaged(
        self, image: Tensor, flip: bool = False, scales: Sequence[float] = (1.0,)
    ) -> tuple[Logits, ActivationMaps]:
        """Mean logits `(1, …)` and maps with bias of one prepared image over its views; arguments as in `explain`."""
        if not scales:
            raise BackboneError("scales is empty; give at least one, 1.0 for the network's own size")
        mirrorings = (False, True) if flip else (False,)
        views = [self._view(image, scale, mirrored) for scale in scales for mirrored in mirrorings]
        logits = Logits(*(torch.stack(parts).mean(0) for parts in zip(*(v[0] for v in views), strict=True)))
        return logits, ActivationMaps(*(_averaged(parts) for parts in zip(*(v[1] for v in views), strict=True)))

    def crop(
        self,
        photograph: Photograph,
        aspect: float | None = None,
        smallest: float = 0.5,
        keep: Sequence[Box] = (),
        top: int = 1,
        rescore: bool = False,
    ) -> list[Proposal]:
        """Distinct crops of one photograph, best first.

        Args:
            photograph: A file, or `(H, W, 3)` RGB.
            aspect: Width / height; None for any.
            smallest: Share of the photograph's sides, in (0, 1].
            keep: What every crop must hold.
            top: Crops at the most.
            rescore: Let the model judge the best dozen as photographs of their own, and go by that.

        Raises:
            ImageError: From `prepare`.
            CropError: No crop can have that aspect or hold those boxes.
        """
        explanation = self.explain(photograph)
        proposals = explanation.crops(aspect, smallest, keep, CANDIDATES if rescore else top)
        return self.rescore(explanation.photograph, proposals)[:top] if rescore else proposals

    def rescore(self, photograph: NDArray[np.uint8], proposals: Sequence[Proposal]) -> list[Proposal]:
        """The proposals by the model's score of each as a photograph of its own; last those it cannot judge."""
        judged = [one for one in proposals if self._takes(one.box.height, one.box.width)]
        boxes = (one.box for one in judged)
        scores = [
            verdict.score for verdict in self.score(photograph[b.top : b.bottom, b.left : b.right] for b in boxes)
        ]
        order = np.argsort(np.negative(scores), kind="stable")
        return [*(judged[place] for place in order), *(one for one in proposals if one not in judged)]

    def _reasons(self, pixels: NDArray[np.uint8]) -> tuple[Reason, ...] | None:
        reference = self.config.reference
        if reference is None or not reference.usual:
            return None
        return reasons(pixels, reference.usual, reference.score_sd, self.scores)

    def _takes(self, height: int, width: int) -> bool:
        try:
            self._preparation.frame(height, width)
        except ImageError:  # too small or too long
            return False
        return True

    def _write(self, folder: Path, source: str) -> None:
        # Here, so that who judges photographs does not wait for it.
        from awcu.models.card import model_card

        write(folder, self.config, self.net.state_dict(), model_card(self.config, source))

    def _view(self, image: Tensor, scale: float, mirrored: bool) -> tuple[Logits, ActivationMaps]:
        batch = self._moved(image[None])
        height, width = (round(side * scale) for side in image.shape[-2:])
        try:
            if scale != 1:
                batch = F.interpolate(batch, size=(height, width), mode="bicubic", antialias=True)
            logits, maps = self.net.local_logits(batch.flip(3) if mirrored else batch)
        except (RuntimeError, AssertionError, ValueError) as error:
            name = self.config.network["backbone"]
            raise BackboneError(
                f"{name} cannot look at {width}×{height} px ({error}); leave scales at 1 for this family"
            ) from error
        return logits, ActivationMaps(*(m.flip(3) for m in maps)) if mirrored else maps

    def _moved(self, images: Tensor) -> Tensor:
        return images.to(self.device, memory_format=torch.channels_last)

    def _verdicts(self, logits: Logits) -> list[Verdict]:
        names = self.config.attribute_names
        single = self.config.attribute_loss == "single_label"
        shares = logits.attributes.softmax(1) if single else logits.attributes.sigmoid()
        scores, probability = self.objective.score(logits.aesthetic), self.objective.probability(logits.aesthetic)
        if not (scores.isfinite().all() and logits.attributes.isfinite().all()):
            raise ModelError(
                f"the {self.config.network['backbone']} answers with numbers that are not finite: its weights or scale "
                f"are too large; train again with a lower task.learning_rate, or take another model"
            )
        probabilities = [None] * len(scores) if probability is None else probability.tolist()
        rows = zip(scores.tolist(), probabilities, shares.tolist(), logits.attributes.tolist(), strict=True)
        return [
            Verdict(
                score,
                probability,
                dict(zip(names, present, strict=True)),
                dict(zip(names, raw, strict=True)),
                self.objective.rating(score),
            )
            for score, probability, present, raw in rows
        ]


def _averaged(maps: Sequence[Tensor]) -> Tensor:
    """The mean of maps `(N, C, h, w)` on the finest of their grids."""
    finest = max((m.shape[-2:] for m in maps), key=lambda size: size[0])
    return torch.stack([_on_grid(m, finest) for m in maps]).mean(0)


def _on_grid(maps: Tensor, size: torch.Size) -> Tensor:
    if maps.shape[1] == 0:  # no attributes; interpolate refuses what is empty
        return maps.new_empty(*maps.shape[:2], *size)
    return maps if maps.shape[-2:] == size else F.interpolate(maps, size=size, mode="bicubic")


def _pixels(photograph: Photograph, at_least: int | None = None) -> NDArray[np.uint8]:
    if isinstance(photograph, str | Path):
        return decode(photograph, at_least)
    if isinstance(photograph, Encoded):
        return decode_bytes(photograph.data, photograph.name, at_least, photograph.until)[0]
    return _checked(photograph)


def _name(photograph: Photograph) -> str:
    if isinstance(photograph, Encoded):
        return photograph.name
    return "photograph" if isinstance(photograph, np.ndarray) else str(photograph)


def _checked(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if not isinstance(pixels, np.ndarray):
        raise ImageError(f"a {type(pixels).__name__} is no photograph; give a path, or np.asarray(image) in RGB")
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise ImageError(
            f"an array of shape {pixels.shape} and type {pixels.dtype} is no photograph; give (H, W, 3) RGB, uint8"
        )
    return pixels

"""The colours of the genres: told apart by everybody, also from "not sure"."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from zhanr.app.palette import GENRES, NOT_SURE, colours

Matrix = NDArray[np.float64]
LEAST = 0.09
"""Of OKLab: the colours of the first edition had pairs 0.03 apart."""

# How linear RGB is seen with one kind of cone missing: Machado, Oliveira & Fernandes 2009, severity 1.0.
SIGHT: dict[str, Matrix] = {
    "full": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# OKLab: Ottosson 2020.
TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(colour: str, sight: Matrix) -> Matrix:
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    lab: Matrix = TO_LAB @ np.cbrt(TO_LMS @ np.clip(sight @ linear, 0, 1))
    return lab


@pytest.mark.parametrize("sight", SIGHT)
def test_every_two_can_be_told_apart(sight: str) -> None:
    seen = {name: oklab(colour, SIGHT[sight]) for name, colour in {**GENRES, "not sure": NOT_SURE}.items()}
    near = {(a, b): np.linalg.norm(seen[a] - seen[b]) for a, b in combinations(seen, 2)}
    assert min(near.values()) > LEAST, min(near, key=lambda pair: near[pair])


def test_genres_of_one_s_own_have_colours_too() -> None:
    own = colours(["jazz", "Чалга"])
    assert own["jazz"] == GENRES["jazz"]
    assert own["Чалга"] in GENRES.values()

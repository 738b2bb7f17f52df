"""What a model is for, by the data set that it learned from: what was rated there, in a sentence."""

_PURPOSES = {
    "gallery": "It learned from rendered scenes and a simulated jury: it is for trying the tool, not for judging "
    "photographs.",
    "BIQ2021": "It judges technical quality (sharpness, exposure, noise, compression) as BIQ2021's 30 raters a "
    "photograph saw it, and knows next to nothing of beauty (Ahmed & Asif 2022).",
    "OASIS beauty": "It judges beauty as raters saw it in photographs collected to stir emotions (OASIS, Brielmann & "
    "Pelli 2019).",
    "KonIQ-10k": "It judges technical quality, not aesthetics (KonIQ-10k, Hosu et al. 2020).",
    "SPAQ": "It judges the technical quality of smartphone photographs, not aesthetics (SPAQ, Fang et al. 2020).",
    "CUHK-PQ": "It tells clearly good photographs from clearly bad ones; it saw no others (CUHK-PQ).",
    "BAID": "It judges artworks, by the votes of a web site (BAID, Yi et al. 2023).",
}


def purpose(data: str) -> str:
    """What a model trained on the data set of this name is for; "" where no data set is known."""
    unknown = f"It judges as the ratings of {data} do; what they are of, that set's own description says."
    return _PURPOSES.get(data, unknown) if data else ""

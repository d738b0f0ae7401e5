"""The int8 variant of a converted model: half the size, and half again as fast where the processor has VNNI.

Run in the child process that converts. Static quantisation by NNCF (https://github.com/openvinotoolkit/nncf)
with per-channel weights, calibrated on the texts of the examples. The second projections of the first half's
feed-forward layers keep their precision: their inputs have the outliers that cost most (all-MiniLM-L6-v2:
cosine to fp32 .9957 with them, .9982 without, for 7 % of the time).
"""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from .openvino_model import INT8_FILE, MODEL_FILE, ModelSpec, OpenVINOModel, Vectors

LEAST = 0.97  # cosine to the original on every probe, or there is no int8 variant
USUAL = 0.99  # and on the average

_SAMPLES = 96
_SAMPLE = 900  # characters
_LAYER = re.compile(r"layer\.(\d+)\.output\.dense")


def quantise(folder: Path, spec: ModelSpec, probes: Sequence[str], expected: Vectors) -> bool:
    """Write the int8 variant beside the model; whether it embeds the probes closely enough to be used."""
    import nncf  # a second of imports

    nncf.set_log_level(logging.ERROR)
    with OpenVINOModel(folder, spec, variant="f32") as model:
        ids = model.token_ids([spec.document_prompt + text for text in _samples()])
        features = [model.features([row], len(row)) for row in ids]
    quantised = nncf.quantize(
        ov.Core().read_model(folder / MODEL_FILE),
        nncf.Dataset(features),
        model_type=nncf.ModelType.TRANSFORMER,
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(features),
        ignored_scope=_kept_precise(ov.Core().read_model(folder / MODEL_FILE)),
    )
    ov.save_model(quantised, folder / INT8_FILE, compress_to_fp16=True)
    with OpenVINOModel(folder, spec, variant="int8") as model:
        cosines = np.sum(expected * model.encode_documents(list(probes)), axis=1)
    if cosines.min() >= LEAST and cosines.mean() >= USUAL:
        return True
    for path in (folder / INT8_FILE, (folder / INT8_FILE).with_suffix(".bin")):
        path.unlink()
    return False


def _samples() -> list[str]:
    """Stretches of the examples' texts, in two languages; long and short ones."""
    found: list[str] = []
    for path in sorted((Path(__file__).parent / "examples").glob("*/*.md")):
        text = path.read_text(encoding="utf-8")
        found += [text[start : start + _SAMPLE] for start in range(0, len(text), _SAMPLE)]
        found += [line for line in text.splitlines() if len(line) > 40][:4]
    return found[:: max(1, len(found) // _SAMPLES)][:_SAMPLES]


def _kept_precise(model: ov.Model) -> Any:
    import nncf

    names = [operation.get_friendly_name() for operation in model.get_ordered_ops()]
    layers = {int(found.group(1)) for name in names if (found := _LAYER.search(name))}
    first_half = "|".join(str(layer) for layer in layers if layer < len(layers) // 2)
    patterns = [rf".*layer\.({first_half})\.output\.dense.*"] if first_half else []
    return nncf.IgnoredScope(patterns=patterns, validate=False)

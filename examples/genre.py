"""The genre of a WAV file, with ONNX Runtime and NumPy alone: python genre.py zhanr.onnx song.wav."""

import json
import os
import sys
import wave

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # some of its wheels report their use

import numpy as np
import onnxruntime


def samples_of(path: str, rate: int) -> np.ndarray:
    """Mono samples, full scale -1..1, of a 16-bit WAV file."""
    with wave.open(path) as file:
        if file.getframerate() != rate or file.getsampwidth() != 2:
            sys.exit(f"{path}: 16-bit samples at {rate} Hz are needed")
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        samples: np.ndarray = frames.reshape(-1, file.getnchannels()).mean(axis=1).astype(np.float32) / 32768
        return samples


model, song = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
card = json.loads(session.get_modelmeta().custom_metadata_map["zhanr"])
samples = samples_of(song, card["features"]["sample_rate"])
probabilities, novelty = session.run(["probabilities", "novelty"], {"samples": samples})
best = int(probabilities.argmax())
limits = card["thresholds"]
sure = probabilities[best] >= limits["confidence"] and novelty <= limits["novelty"]
print(card["labels"][best] if sure else "not sure", f"{probabilities[best]:.4f}")

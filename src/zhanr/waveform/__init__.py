"""The model that takes a waveform: everything that serving does to a song, as one ONNX graph of standard operators.

A program in any language that has ONNX Runtime, its web or its mobile build gives it mono samples and gets the song's
probabilities. `export` writes the file; the parts are the stages of serving, each in a module named after it.
"""

from zhanr.waveform.export import export, waveform_model

__all__ = ["export", "waveform_model"]

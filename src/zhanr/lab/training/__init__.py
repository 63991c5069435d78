"""Training: from feature stores and a configuration to a model file (`run.train`). Needs the extra `train`."""

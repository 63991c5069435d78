"""What is claimed of speed, memory and robustness, measured: one script each, with its command in its first lines."""

"""Mode 1 of a quantization run."""

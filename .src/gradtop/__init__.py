"""Train PyTorch models in the background; watch and steer them from the terminal."""

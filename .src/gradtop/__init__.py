"""Train PyTorch models in the background; monitor and control them from the terminal."""

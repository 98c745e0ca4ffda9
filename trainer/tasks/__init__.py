"""What a model is trained to do: its loss, its metrics and what it is compared with; a folder for each kind in `kinds`."""

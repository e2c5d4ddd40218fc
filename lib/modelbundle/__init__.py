"""What making a model and serving it must agree on: the contract, the frame, the bundle's files."""

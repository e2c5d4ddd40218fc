"""Data in: found, read, held to the contract, split, described in numbers; imports config and the ground."""

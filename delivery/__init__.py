"""Bringing a built image to its users: push it, roll it out, check it from outside, and take it back when it fails."""

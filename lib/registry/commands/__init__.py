"""What owners and servers run, `python -m registry.commands.owner` and `.pulling`; imports all of the package."""

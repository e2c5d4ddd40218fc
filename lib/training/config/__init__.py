"""What conf/ says of a problem and its candidates; imports the ground, which is the modules beside this room."""

"""Records in, prices out, and the description of it: for programs; imports watching and the ground."""

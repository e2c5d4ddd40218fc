"""From a socket to WSGI and back, for clients that are slow, rude or many; imports watching and the ground."""

"""What is told of requests: the access log, counts and their files; imports the ground, the modules beside it."""

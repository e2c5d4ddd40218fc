"""The fitted pipeline as arrays, which answer without pandas and scikit-learn; imports the modules beside this room."""

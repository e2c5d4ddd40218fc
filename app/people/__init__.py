"""Pages for people: the form, the reports, the interface to try; imports programs and below."""

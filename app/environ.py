"""The names in WSGI's environ by which the server tells the app what WSGI has no name for."""

# Why to refuse; when it began, on the monotonic clock; what to call once it has ended.
REFUSAL, BEGUN, LATER = "app.refusal", "app.begun", "app.later"

"""The commands that are more than a call, one module a topic; only light imports at their tops."""

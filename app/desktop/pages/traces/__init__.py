"""The Traces page: import reasoning traces, look at them, mend them, leave out what should not be learned."""

"""A question in, an answer from stored evidence out, each sentence of it cited, or a refusal."""

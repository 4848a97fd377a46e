"""What a model is made of, read from its config.json: shape, parameters, storage, KV cache."""

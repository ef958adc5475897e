"""The relay: a third party that carries ciphertext, so that R sees no address (F11)."""

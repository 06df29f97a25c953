"""The Matrix side: what arrives from the homeserver, what leaves to it. The only users of mautrix."""

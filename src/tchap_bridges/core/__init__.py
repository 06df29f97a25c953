"""The heart: what arrives is kept, routed, and sent once, in order. Knows no network and no library."""

"""What operators and machines read over HTTP: health and metrics; later webhooks and the console."""

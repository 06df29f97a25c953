"""What is read over HTTP: health and metrics by operators and machines, files behind links by anybody."""

"""tchap-bridges: bridges and bots for Matrix and Tchap."""

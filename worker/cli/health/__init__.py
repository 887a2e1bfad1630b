"""What an installation's own figures say of its health, each with the remedy: read by `doctor` and by `top`."""

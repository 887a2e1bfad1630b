"""One machine: a private Redis for trying things out, and the processes of an installation kept running."""

"""The operator's commands. The producers' commands come from `producers.commands`."""

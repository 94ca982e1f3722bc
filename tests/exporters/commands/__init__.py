"""exporters/commands, tested."""

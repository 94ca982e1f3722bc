"""exporters/index, tested."""

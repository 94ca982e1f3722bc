"""exporters/documents, tested."""

"""The read side: journals in, figures, pages and letters out."""

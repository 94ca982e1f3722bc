"""The read side's HTTP server: /metrics, a page for people, JSON for programs, on loopback unless guarded."""

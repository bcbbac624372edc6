"""The edge: what a request must be, who sent it, how often, and what every answer carries."""

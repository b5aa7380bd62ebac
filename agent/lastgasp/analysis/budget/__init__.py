"""Memory budgets: what they say, and whether a recording kept them."""

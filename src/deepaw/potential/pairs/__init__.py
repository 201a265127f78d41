"""The pair operator: moments of neighbours, their gradient map and its transpose, and forces from pairs."""

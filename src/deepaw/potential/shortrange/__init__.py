"""A tabulated pair potential where atoms are so close that no data tell what happens."""

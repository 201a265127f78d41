"""The application that takes requests: what they may be, who may send them, and the forms of the answers."""

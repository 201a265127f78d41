"""What every optimisation needs, whatever it trains: averages, interruption, the same numbers every time."""

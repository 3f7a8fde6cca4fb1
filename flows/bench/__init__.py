"""The home of every figure that the project claims: `broll bench NAME`."""

"""Example guests, made on the spot: small, synthetic, and true in every byte that a boot loader looks at."""

"""What keeps a data folder fit for years: age, room, copies."""

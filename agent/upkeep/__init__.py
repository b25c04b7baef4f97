"""What keeps a data folder fit for years: copies of it, tables out of it, what may go."""

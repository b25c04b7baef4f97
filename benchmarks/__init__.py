"""What must be fast, against what users would pick instead; every figure a ratio of one run."""

"""The digest of a day: facts first, then words and pictures around them."""

"""How numbers are written for people. Pure."""


def fixed(value: float) -> str:
    """With one decimal."""
    return f"{value:.1f}"


def signed(value: float, decimals: int = 1) -> str:
    """With its sign; what rounds to nothing has none."""
    text = f"{value:+.{decimals}f}"
    return text[1:] if not text.strip("+-0.") else text


def whole(value: float) -> str:
    """A reported figure: whole ones in full, of others ten digits, none lost to an exponent."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.10g}"

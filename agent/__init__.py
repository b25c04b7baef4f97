"""Thesiswatch: reads the day, weighs it against an essay, and says how strong the thesis is."""

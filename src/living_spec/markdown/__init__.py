"""The Markdown extension `living_spec.markdown`: turns `::: block` lines into what the evidence shows."""

from living_spec.markdown.extension import LivingSpecExtension


def makeExtension() -> LivingSpecExtension:
    """Make the extension, for `markdown_extensions: [living_spec.markdown]`."""
    return LivingSpecExtension()

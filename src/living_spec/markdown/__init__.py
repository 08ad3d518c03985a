"""The Markdown extension `living_spec.markdown`: replaces `::: block` lines by rules, results and records."""

from living_spec.markdown.extension import LivingSpecExtension


def makeExtension() -> LivingSpecExtension:
    """Make the extension, for `markdown_extensions: [living_spec.markdown]`."""
    return LivingSpecExtension()

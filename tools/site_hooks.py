"""What MkDocs does beyond its configuration. Without these hooks the same pages are heavier and harder to find."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.plugins import event_priority

from guide import search, slim

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

_BEFORE_THE_INDEX_IS_WRITTEN = 100


def on_page_content(html: str, **_: object) -> str:
    """Leave out of the search what is the same on many pages."""
    return search.without_repetition(html)


def on_post_page(output: str, **_: object) -> str:
    """Make the page lighter."""
    return slim.tight(output)


def on_post_template(output_content: str, **_: object) -> str:
    """Make the page for what does not exist lighter, too."""
    return slim.tight(output_content)


@event_priority(_BEFORE_THE_INDEX_IS_WRITTEN)
def on_post_build(config: MkDocsConfig) -> None:
    """Rank the pages in the index, and make the stylesheets lighter."""
    plugin: Any = config.plugins["material/search"]
    search.ranking().complete(plugin.search_index.entries)
    slim.slim_site(Path(config.site_dir))

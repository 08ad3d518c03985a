"""What MkDocs does beyond its configuration. Without these hooks the same pages are heavier and harder to find."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.plugins import event_priority

from guide import evidence_pages, search, slim
from guide.verification import verification
from living_spec.config import find_config
from living_spec.store import read_proof

if TYPE_CHECKING:
    from jinja2 import Environment
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

_ROOT = Path(__file__).parents[1]
_BEFORE_THE_INDEX_IS_WRITTEN = 100


def on_env(env: Environment, **_: object) -> None:
    """Let the foot of the pages say when the spec was last seen to hold."""
    env.globals["verification"] = verification(read_proof(find_config(_ROOT)))


def on_page_context(context: dict[str, object], page: Page, **_: object) -> None:
    """Only pages of the guide say so: the pages of the spec have results of their own."""
    source = page.file.abs_src_path
    context["in_guide"] = source is not None and find_config(_ROOT).guide.has(Path(source))


def on_page_content(html: str, **_: object) -> str:
    """Leave out of the search what is the same on many pages."""
    return search.without_repetition(html)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Make the page lighter, and write the evidence of its scenarios to pages of their own."""
    kept, pages = evidence_pages.cut_out(slim.tight(output))
    folder = Path(config.site_dir, page.url)
    for one in pages:
        file = folder / one.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(one.text, "utf-8")
    return kept


def on_post_template(output_content: str, **_: object) -> str:
    """Make the page for what does not exist lighter, too."""
    return slim.tight(output_content)


@event_priority(_BEFORE_THE_INDEX_IS_WRITTEN)
def on_post_build(config: MkDocsConfig) -> None:
    """Rank the pages in the index, and make the stylesheets lighter."""
    plugin: Any = config.plugins["material/search"]
    search.ranking().complete(plugin.search_index.entries)
    slim.slim_site(Path(config.site_dir))

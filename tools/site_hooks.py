"""What MkDocs does beyond its configuration. Without these hooks the same pages are heavier and harder to find."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.commands.build import get_context
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File
from mkdocs.structure.pages import Page
from mkdocs.structure.toc import get_toc

from guide import evidence_pages, proof_pages, search, slim
from guide.verification import verification
from living_spec.config import find_config
from living_spec.store import read_proof

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.nav import Navigation

_ROOT = Path(__file__).parents[1]
_BEFORE_THE_INDEX_IS_WRITTEN = 100


def on_env(env: Environment, **_: object) -> None:
    """Let the foot of the pages say when the spec was last seen to hold."""
    env.globals["verification"] = verification(read_proof(find_config(_ROOT)))


def on_page_context(context: dict[str, object], page: Page, config: MkDocsConfig, nav: Navigation) -> None:
    """Only pages of the guide say so. The pages of the spec have results of their own; the proofs have many pages."""
    source = page.file.abs_src_path
    context["in_guide"] = source is not None and find_config(_ROOT).guide.has(Path(source))
    if page.url == proof_pages.PAGE and page.content:
        page.content, parts = proof_pages.split(page.content)
        for heading in page.toc:
            heading.children.clear()
        template = config.theme.get_env().get_template("main.html")
        for part in parts:
            _write_part(template, part, page, config, nav)


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
    proof_pages.redirect(Path(config.site_dir))
    slim.slim_site(Path(config.site_dir))


def _write_part(template: Template, part: proof_pages.Part, whole: Page, config: MkDocsConfig, nav: Navigation) -> None:
    """Write the page with a part of the proofs, in the frame of the site."""
    file = File.generated(config, f"{whole.url}{part.id}.md", content="")
    page = Page(part.heading, file, config)
    page.content, page.edit_url = part.content, whole.edit_url
    page.meta = {"title": part.heading, "description": f"{part.heading}: each sentence, and what shows that it holds."}
    page.toc = get_toc([{"level": 1, "id": part.id, "name": part.heading, "children": []}])
    context: Any = get_context(nav, [], config, page)
    target = Path(config.site_dir, file.dest_uri)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(slim.tight(template.render(context)), "utf-8")

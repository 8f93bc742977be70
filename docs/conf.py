"""Settings of the documentation site, which scripts/docs builds from this folder with Sphinx and MyST.

Docstrings are Markdown here: griffe reads them, in place of Sphinx's autodoc, which takes reStructuredText.
"""

import sys
from pathlib import Path

from codelm import __version__

sys.path.insert(0, str(Path(__file__).parent))  # reference_pages.py lies beside this file

project = "codelm"
copyright = "the authors of codelm"
release = version = __version__
extensions = ["myst_parser", "reference_pages"]
myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 4  # the anchors that a forge makes as well
suppress_warnings = ["misc.highlighting_failure"]  # commands with their output are no language's
smartquotes = False  # quotes in types are code

html_theme = "furo"
html_title = f"codelm {release}"
html_static_path = ["static"]
html_css_files = ["narrow.css"]
html_copy_source = False
html_show_sphinx = False
toc_object_entries_show_parents = "hide"
python_maximum_signature_line_length = 80

"""The studio: one page on which a person sees what a model sees, imagines, plans and is surprised by.

In: commands from the page, as JSON over a WebSocket. Out: pictures, paths and energies, as they come about. Open `session.py`
first, one person's visit; `known.py` says how a latent becomes a picture, `watched.py` how a search is watched, `site.py` what
the page may do. The page's own sources lie in `studio/` of the repository, what is built of them in `page/`.
"""

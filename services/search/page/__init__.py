"""The web page: search and administration in a browser. `services.search.app` serves it; nothing else imports it.

The files are plain ES modules, served unchanged: there is no build step, and nothing loads from another host. The only
library is lit-html (vendor/lit-html, BSD-3-Clause, 11 kB). It redraws what changed, and inserts text as text, so a
listing's title cannot become HTML. The state of a view is in the address bar (address.js); app.js draws one view at a
time.
"""

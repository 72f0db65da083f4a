"""The page: search with your eyes, and administration, in a browser.

Its files are plain ES modules, served as they are: there is no build step, and nothing comes from another host. The
one library is lit-html (vendor/lit-html, BSD-3-Clause, 11 kB): it draws what has changed from templates, and puts text
into a page as text, whatever a listing's title holds. What a view shows stands in the address bar (address.js); app.js
draws one view at a time.
"""

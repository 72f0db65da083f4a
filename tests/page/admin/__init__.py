"""The admin view of the page."""

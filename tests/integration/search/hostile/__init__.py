"""What the search app does when somebody means harm."""
